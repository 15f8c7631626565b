"""Add the log of usage audits"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0012"
down_revision = "0011"

_TIME = sa.DateTime().with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
_TABLE = "usage_audits"


def upgrade():
    op.create_table(
        _TABLE,
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("created_at", _TIME, nullable=False),
        sa.Column("updated_at", _TIME),
        sa.Column("period_begin", _TIME, nullable=False),
        sa.Column("period_end", _TIME, nullable=False),
        sa.Column("host", sa.String(255), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("servers", sa.Integer(), nullable=False),
        sa.Column("errors", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(255), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f(f"pk_{_TABLE}")),
        sa.UniqueConstraint(
            "period_begin",
            "period_end",
            "host",
            name=op.f(f"uq_{_TABLE}_period_begin_period_end_host"),
        ),
        mysql_charset="utf8mb4",
        mysql_engine="InnoDB",
    )
    dialect = op.get_bind().dialect
    if dialect.name in ("mysql", "mariadb"):  # as 0004 does it for the older tables
        collation = "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"
        op.execute(f"ALTER TABLE `{_TABLE}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")


def downgrade():
    op.drop_table(_TABLE)
