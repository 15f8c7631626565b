"""actions know which version of their parameters' class wrote their arguments"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade():
    with op.batch_alter_table("instance_actions") as batch_op:
        batch_op.add_column(sa.Column("args_version", sa.Integer()))


def downgrade():
    with op.batch_alter_table("instance_actions") as batch_op:
        batch_op.drop_column("args_version")
