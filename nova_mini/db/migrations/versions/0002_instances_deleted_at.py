"""Find deleted servers by the time of their deletion"""

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade():
    """``nova-mini-manage db purge`` finds the oldest of a million deleted servers by this index."""
    op.create_index(op.f("ix_instances_deleted_at"), "instances", ["deleted_at"])
