"""Add server groups and their members"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0007"
down_revision = "0006"

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_JSON = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
_TABLES = ("instance_groups", "instance_group_members")


def upgrade():
    _create(
        "instance_groups",
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("project_id", sa.String(255), nullable=False),
        sa.Column("user_id", sa.String(255), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("policy", sa.String(32), nullable=False),
        sa.Column("rules", _JSON, nullable=False),
        sa.UniqueConstraint("uuid", name=op.f("uq_instance_groups_uuid")),
    )
    op.create_index(op.f("ix_instance_groups_project_id"), "instance_groups", ["project_id"])
    _create(
        "instance_group_members",
        sa.Column("instance_uuid", sa.String(36), nullable=False),
        sa.Column("group_id", sa.Integer(), nullable=False),
        sa.ForeignKeyConstraint(["group_id"], ["instance_groups.id"], ondelete="CASCADE"),
        sa.UniqueConstraint("instance_uuid", name=op.f("uq_instance_group_members_instance_uuid")),
    )
    op.create_index(
        op.f("ix_instance_group_members_group_id"), "instance_group_members", ["group_id"]
    )
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):  # as 0004 does it for the older tables
        collation = "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"
        for table in _TABLES:
            op.execute(
                f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}"
            )


def _create(name: str, *columns) -> None:
    op.create_table(
        name,
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME),
        *columns,
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{name}")),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )


def downgrade():
    for table in reversed(_TABLES):
        op.drop_table(table)
