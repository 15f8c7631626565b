"""Record the NUMA topologies of hosts and servers"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import mysql

revision = "0013"
down_revision = "0012"

_TEXT = sa.Text().with_variant(mysql.MEDIUMTEXT(), "mysql", "mariadb")
# NULL: a host has not reported since the upgrade; a server has no topology, and did not move.
_COLUMNS = {
    "compute_nodes": "numa_topology",
    "instances": "numa_topology",
    "migrations": "numa_topologies",
}


def upgrade():
    for table, column in _COLUMNS.items():
        with op.batch_alter_table(table) as batch_op:
            batch_op.add_column(sa.Column(column, _TEXT))


def downgrade():
    for table, column in _COLUMNS.items():
        with op.batch_alter_table(table) as batch_op:
            batch_op.drop_column(column)
