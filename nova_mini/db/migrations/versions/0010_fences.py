"""Let conductors fence hosts"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0010"
down_revision = "0009"

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade():
    """NULL: the host is not fenced; its compute of the new release has not started yet."""
    with op.batch_alter_table("services") as batch_op:
        batch_op.add_column(sa.Column("fence", _TEXT))
    with op.batch_alter_table("compute_nodes") as batch_op:
        batch_op.add_column(sa.Column("ceph_addresses", _TEXT))


def downgrade():
    with op.batch_alter_table("compute_nodes") as batch_op:
        batch_op.drop_column("ceph_addresses")
    with op.batch_alter_table("services") as batch_op:
        batch_op.drop_column("fence")
