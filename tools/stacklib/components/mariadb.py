"""MariaDB: one server, with a database and a user for each service."""

import shutil

from stacklib import files, ports
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

DATABASES = ("keystone", "glance", "barbican", "cinder", "neutron", "nova_mini")

CONFIG = """\
[mariadbd]
user = mysql
datadir = {data}
socket = {data}/mariadb.sock
pid-file = {data}/mariadb.pid
bind-address = 127.0.0.1,{address}
port = {port}
init-file = {init}
skip-name-resolve
character-set-server = utf8mb4
max_connections = 300
innodb_buffer_pool_size = 128M
innodb_log_file_size = 48M
innodb_flush_log_at_trx_commit = 1
performance_schema = off
"""


def connection(stack: Stack, database: str) -> str:
    """Return the SQLAlchemy URL of `database`. Its user has no access to other databases."""
    password = stack.secrets[f"mariadb-{database}"]
    address = "127.0.0.1" if stack.is_control else stack.control.node.address
    where = f"{address}:{ports.MARIADB}/{database}"
    return f"mysql+pymysql://{database}:{password}@{where}?charset=utf8mb4"


def administration(stack: Stack) -> str:
    """Return the URL of a user that may create databases named `test_…`, for tests."""
    return f"mysql+pymysql://test:{stack.secrets['mariadb-test']}@127.0.0.1:{ports.MARIADB}/"


def empty(stack: Stack, database: str) -> None:
    """Drop all tables of `database`."""
    sql = f"DROP DATABASE {database}; CREATE DATABASE {database} CHARACTER SET utf8mb4;"
    socket = stack.data / MariaDB.name / "mariadb.sock"
    stack.node.run(["mariadb", "--no-defaults", f"--socket={socket}", "--user=root", "-e", sql])


class MariaDB(Component):
    """The database server."""

    name = "mariadb"
    needs = ("node",)
    packages = ("mariadb-server",)

    def configure(self, stack: Stack) -> None:
        """Write the configuration; create the data directory if it does not exist."""
        owner = files.ids("mysql")
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        data = stack.data / self.name
        files.write(etc / "init.sql", _grants(stack), 0o600, owner)
        text = CONFIG.format(
            data=data, address=stack.node.address, port=ports.MARIADB, init=etc / "init.sql"
        )
        files.write(etc / "mariadb.cnf", text, 0o600, owner)
        if not data.exists():
            draft = data.with_suffix(".new")  # renamed when whole: a killed install starts over
            shutil.rmtree(draft, ignore_errors=True)
            files.directory(draft, 0o700, owner)
            argv = [
                "mariadb-install-db",
                "--no-defaults",
                "--user=mysql",
                f"--datadir={draft}",
                "--skip-test-db",
                "--skip-name-resolve",
                "--innodb-log-file-size=48M",
                "--auth-root-authentication-method=socket",
            ]
            stack.node.logged(argv, stack.log("mariadb-install"))
            draft.rename(data)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the server, which notifies systemd when it is ready."""
        etc = stack.etc / self.name
        return [
            Unit(
                name="nova-mini-stack-mariadb",
                argv=("/usr/sbin/mariadbd", f"--defaults-file={etc / 'mariadb.cnf'}"),
                properties={"Type": "notify", "User": "mysql", "TimeoutStopSec": "60"},
                watched=(etc / "mariadb.cnf", etc / "init.sql"),
            )
        ]

    def check(self, stack: Stack) -> None:
        """Check that the server sends its greeting (protocol 10)."""
        if ports.converse(stack.node, "127.0.0.1", ports.MARIADB, b"")[4:5] != b"\x0a":
            raise Unhealthy("MariaDB does not answer")


def _grants(stack: Stack) -> str:
    """Return idempotent SQL with one statement per line, which runs at every start."""
    lines = []
    for database in DATABASES:
        lines += [f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4;"]
        lines += _user(database, stack.secrets[f"mariadb-{database}"], f"{database}.*")
    lines += _user("test", stack.secrets["mariadb-test"], "`test\\_%`.*")
    return "\n".join(lines) + "\n"


def _user(name: str, password: str, what: str) -> list[str]:
    return [
        f"CREATE USER IF NOT EXISTS '{name}'@'%' IDENTIFIED BY '{password}';",
        f"ALTER USER '{name}'@'%' IDENTIFIED BY '{password}';",
        f"GRANT ALL PRIVILEGES ON {what} TO '{name}'@'%';",
    ]
