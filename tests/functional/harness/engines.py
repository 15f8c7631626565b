"""The broker and the database of the tests.

They are started from the machine's packages on their own loopback ports, so tests may kill them.
"""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

from tests.functional.harness.mariadb import MariaDB
from tests.functional.harness.rabbitmq import RabbitMQ


class Engines:
    def __init__(self, directory: pathlib.Path):
        self.rabbitmq = RabbitMQ(directory / "rabbitmq")
        self.mariadb = MariaDB(directory / "mariadb")

    def start(self) -> None:
        self.rabbitmq.start()
        self.mariadb.install()
        self.mariadb.start()
        self.mariadb.wait_ready()
        self.rabbitmq.wait_ready()

    def stop(self) -> None:
        self.mariadb.stop()
        self.rabbitmq.stop()


@contextlib.contextmanager
def running(directory: pathlib.Path) -> Iterator[Engines]:
    engines = Engines(directory)
    try:
        engines.start()
        yield engines
    finally:
        engines.stop()
