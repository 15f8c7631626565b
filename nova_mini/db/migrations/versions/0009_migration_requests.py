"""Let users end a live migration early"""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade():
    """abort or force_complete; NULL without such a request."""
    with op.batch_alter_table("migrations") as batch_op:
        batch_op.add_column(sa.Column("requested", sa.String(16)))


def downgrade():
    with op.batch_alter_table("migrations") as batch_op:
        batch_op.drop_column("requested")
