"""The MariaDB server of the tests, from the machine's package."""

from __future__ import annotations

import getpass
import itertools
import pathlib
import secrets
import subprocess

import sqlalchemy as sa

from tests.functional.harness.network import ADDRESS, free_port, greets
from tests.functional.harness.process import Process
from tests.functional.harness.waiting import until

_PROTOCOL = b"\x0a"


class MariaDB:
    """One server. Committed data survive ``process.kill`` and ``start``."""

    def __init__(self, directory: pathlib.Path):
        self.port = free_port()
        self._password = secrets.token_hex(8)
        self._names = (f"nova{number}" for number in itertools.count())
        self._data = directory / "data"
        directory.mkdir(parents=True)
        self._options = directory / "mariadb.cnf"
        init = directory / "init.sql"
        init.write_text(
            f"CREATE USER IF NOT EXISTS 'test'@'%' IDENTIFIED BY '{self._password}';\n"
            "GRANT ALL PRIVILEGES ON *.* TO 'test'@'%';\n"
        )
        self._options.write_text(
            "[mariadbd]\n"
            f"user = {getpass.getuser()}\ndatadir = {self._data}\nsocket = {directory}/socket\n"
            f"pid-file = {directory}/pid\nbind-address = {ADDRESS}\nport = {self.port}\n"
            f"init-file = {init}\nskip-name-resolve\ncharacter-set-server = utf8mb4\n"
            "max_connections = 300\ninnodb_buffer_pool_size = 64M\ninnodb_log_file_size = 32M\n"
            # Safe when the process is killed; the tests do not cut the machine's power.
            "innodb_flush_log_at_trx_commit = 2\nperformance_schema = off\n"
        )
        self.process = Process(
            "mariadb",
            ["/usr/sbin/mariadbd", f"--defaults-file={self._options}"],
            directory / "mariadb.log",
        )

    def install(self) -> None:
        """Create the data directory."""
        argv = [
            "mariadb-install-db",
            f"--defaults-file={self._options}",
            "--skip-test-db",
            "--skip-name-resolve",
            "--auth-root-authentication-method=socket",
        ]
        done = subprocess.run(argv, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, f"mariadb-install-db failed: {done.stdout}{done.stderr}"

    def create_database(self) -> str:
        """Create an empty database. Return its SQLAlchemy URL."""
        name = next(self._names)
        engine = sa.create_engine(self._url(""))
        with engine.connect() as connection:
            connection.execute(sa.text(f"CREATE DATABASE {name} CHARACTER SET utf8mb4"))
        engine.dispose()
        return self._url(name)

    def _url(self, database: str) -> str:
        location = f"{ADDRESS}:{self.port}/{database}"
        return f"mysql+pymysql://test:{self._password}@{location}?charset=utf8mb4"

    def start(self) -> None:
        self.process.spawn()

    def wait_ready(self, seconds: float = 60) -> None:
        def ready() -> bool:
            assert self.process.alive, f"MariaDB died:\n{self.process.tail()}"
            return greets(self.port, b"", _PROTOCOL)

        until("MariaDB answers", ready, seconds)

    def stop(self) -> None:
        """Kill it: its data are not needed after the tests."""
        self.process.kill()
