"""Hosts with real storage: each test runs as root in an emulated Debian.

``tools/test --tier nightly``
"""

from __future__ import annotations

import functools
import os
import signal
import time
from collections.abc import Callable

import pytest

from nova_mini.virt.libvirt import volumes
from tests import servers
from tests.functional.harness.waiting import until
from tests.nightly import relay, storage
from tests.nightly.tgt import Target
from tests.unit.conftest import override  # noqa: F401
from tests.unit.virt.conftest import state_path  # noqa: F401

RESTART_SECONDS = 3


def pytest_configure(config):
    config.pluginmanager.register(relay.plugin(config))


def kill_tgtd() -> None:
    storage.run("systemctl", "kill", "--signal=KILL", "tgt")


class NoHost:
    """A stand-in for libvirt's connection: no guest runs here."""


def process() -> volumes.Volumes:
    """The volume drivers of a compute service that was just started."""
    return volumes.Volumes(NoHost())


@pytest.fixture
def instance():
    return servers.make_instance()


@pytest.fixture(autouse=True)
def nothing_left():
    """Checks that every test has disconnected its volumes; the targets delete them."""
    yield
    assert not any(storage.everything().values()), storage.everything()


@pytest.fixture
def targets(tmp_path, iscsid, nothing_left):
    """``targets(luns=1)`` makes a target."""
    storage.run("systemctl", "start", "tgt")
    yield functools.partial(Target, tmp_path)
    kill_tgtd()


@pytest.fixture(scope="session")
def iscsid():
    """iscsid with one attempt at a portal that refuses, instead of attempts for two minutes."""
    with open("/etc/iscsi/iscsid.conf", "a") as settings:
        print("node.session.initial_login_retry_max = 1", file=settings)
    storage.run("systemctl", "start", "iscsid")


@pytest.fixture
def connect(instance):
    """``connect(connection_info)`` returns the device's path. Each call is as of a new process."""
    return functools.partial(_connect, instance)


def _connect(instance, connection_info: dict) -> str:
    process()._connect_volume(instance.uuid, connection_info)
    return connection_info["data"]["device_path"]


def connect_and_die(instance, connection_info: dict, when: Callable[[], object]) -> None:
    """A service connects a volume, and is killed with its child processes, as by systemd, when
    ``when()`` is true. Requests that it has sent to other daemons continue."""
    child = os.fork()
    if not child:
        os.setsid()
        try:
            process()._connect_volume(instance.uuid, connection_info)
        finally:
            os._exit(0)
    until("the moment to kill", when, 60)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    time.sleep(RESTART_SECONDS)
