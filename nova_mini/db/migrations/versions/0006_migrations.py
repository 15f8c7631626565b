"""Add the migrations of servers"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0006"
down_revision = "0005"

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")


def upgrade():
    op.create_table(
        "migrations",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME),
        sa.Column("uuid", sa.String(36), nullable=False),
        sa.Column("instance_uuid", sa.String(36), nullable=False),
        sa.Column("migration_type", sa.String(16), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("source_compute", sa.String(255), nullable=False),
        sa.Column("source_node", sa.String(255)),
        sa.Column("dest_compute", sa.String(255)),
        sa.Column("dest_node", sa.String(255)),
        sa.Column("dest_host", sa.String(39)),
        sa.Column("source_zone", sa.String(255)),
        sa.Column("dest_zone", sa.String(255)),
        sa.Column("user_id", sa.String(255)),
        sa.Column("project_id", sa.String(255)),
        sa.Column("old_flavor", _TEXT, nullable=False),
        sa.Column("new_flavor", _TEXT, nullable=False),
        sa.Column("old_vm_state", sa.String(32), nullable=False),
        sa.Column("vcpus", sa.Integer(), nullable=False),
        sa.Column("memory_mb", sa.Integer(), nullable=False),
        sa.Column("memory_total", sa.BigInteger()),
        sa.Column("memory_processed", sa.BigInteger()),
        sa.Column("memory_remaining", sa.BigInteger()),
        sa.Column("disk_total", sa.BigInteger()),
        sa.Column("disk_processed", sa.BigInteger()),
        sa.Column("disk_remaining", sa.BigInteger()),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_migrations")),
        sa.UniqueConstraint("uuid", name=op.f("uq_migrations_uuid")),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    for columns in (
        ("instance_uuid", "status"),
        ("source_compute", "status"),
        ("dest_compute", "status"),
        ("status", "updated_at"),
        ("updated_at",),
    ):
        name = op.f(f"ix_migrations_{'_'.join(columns)}")
        op.create_index(name, "migrations", list(columns))
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):  # as 0004 does it for the older tables
        collation = "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE `migrations` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def downgrade():
    op.drop_table("migrations")
