"""Compare text byte by byte, including trailing blanks"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade():
    """By default, "a", "A" and "a " are equal in MariaDB and MySQL: one of two such tags was lost,
    and one of two such names was refused. SQLite and PostgreSQL compare bytes by default."""
    dialect = op.get_bind().dialect
    if dialect.name not in ("mysql", "mariadb"):
        return
    collation = "utf8mb4_nopad_bin" if dialect.is_mariadb else "utf8mb4_0900_bin"
    for table in sa.inspect(op.get_bind()).get_table_names():
        op.execute(f"ALTER TABLE `{table}` CONVERT TO CHARACTER SET utf8mb4 COLLATE {collation}")
