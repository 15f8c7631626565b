"""Add the tokens of consoles"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0011"
down_revision = "0010"

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_TABLE = "console_tokens"


def upgrade():
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME),
        sa.Column("token_hash", sa.String(64), nullable=False),
        sa.Column("instance_uuid", sa.String(36), nullable=False),
        sa.Column("action_id", sa.Integer(), nullable=False),
        sa.Column("console_type", sa.String(32), nullable=False),
        sa.Column("compute_host", sa.String(255), nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("port", sa.Integer(), nullable=False),
        sa.Column("tls_port", sa.Integer()),
        sa.Column("access_url_base", sa.String(512), nullable=False),
        sa.Column("expires_at", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
        sa.UniqueConstraint("token_hash", name=op.f(f"uq_{_TABLE}_token_hash")),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    for column in ("instance_uuid", "expires_at"):
        op.create_index(op.f(f"ix_{_TABLE}_{column}"), _TABLE, [column])
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):  # as 0004 does it for the older tables
        collation = "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE `{_TABLE}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def downgrade():
    op.drop_table(_TABLE)
