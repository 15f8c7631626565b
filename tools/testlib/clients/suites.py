"""The suites of clients: what is installed for each, and how it is run."""

from __future__ import annotations

from typing import Protocol

from testlib.clients import packaged
from testlib.clients.horizon import Horizon
from testlib.clients.place import Place
from testlib.clients.playbooks import Playbooks
from testlib.clients.rally import Rally
from testlib.clients.results import Result


class Suite(Protocol):
    """Programs of a client, and what they do with a cloud. The name is also that of a package on
    PyPI and of the virtual environment. ``about``: what runs, for the table. ``packages``: Debian
    packages."""

    @property
    def name(self) -> str: ...
    @property
    def release(self) -> str: ...
    @property
    def about(self) -> str: ...
    @property
    def packages(self) -> tuple[str, ...]: ...

    @property
    def requirements(self) -> list[str]:
        """What is installed from PyPI."""

    def commands(self, place: Place) -> list[list[str]]:
        """Write the files that the suite needs. Return the commands, which run in the node, one
        after the other, whether or not the ones before have failed."""

    def results(self, place: Place) -> list[Result]:
        """Return the results that the commands have left."""


SUITES: tuple[Suite, ...] = (
    packaged.OPENSTACKSDK,
    packaged.OPENSTACKCLIENT,
    packaged.NOVACLIENT,
    Playbooks(),
    Rally(),
    Horizon(),
)
