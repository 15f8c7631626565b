"""Let hosts report their traits"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0008"
down_revision = "0007"

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade():
    """NULL until the compute of the new release has started."""
    with op.batch_alter_table("compute_nodes") as batch_op:
        batch_op.add_column(sa.Column("traits", _TEXT))


def downgrade():
    with op.batch_alter_table("compute_nodes") as batch_op:
        batch_op.drop_column("traits")
