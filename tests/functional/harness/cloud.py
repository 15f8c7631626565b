"""A whole cloud: api, conductor, scheduler and computes over one broker and one database."""

from __future__ import annotations

import contextlib
import json
import pathlib
import re
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping, Sequence

import sqlalchemy as sa

from tests.chaos.wire import Wire
from tests.functional.harness import config
from tests.functional.harness.client import Client
from tests.functional.harness.daemon import Daemon
from tests.functional.harness.engines import Engines
from tests.functional.harness.image_service import ImageService
from tests.functional.harness.network import ADDRESS, free_port

Done = subprocess.CompletedProcess[str]


class Cloud:
    """``computes`` are the hosts' names, a process for each; ``wires``: host -> its way to the
    broker, where it has one of its own; ``image_url``: the way to ``images``, where it is another.
    """

    def __init__(
        self,
        engines: Engines,
        directory: pathlib.Path,
        images: ImageService,
        computes: Sequence[str] = ("c1", "c2"),
        options: config.Sections | None = None,
        wires: Mapping[str, Wire] | None = None,
        image_url: str | None = None,
    ):
        self.engines = engines
        self.images = images
        self.state = directory / "state"
        self.state.mkdir(parents=True)
        self.api_port = free_port()
        url = engines.mariadb.create_database()
        self.database = sa.create_engine(url, isolation_level="AUTOCOMMIT", pool_pre_ping=True)
        self._broker = engines.rabbitmq.next_url()
        self._wires = wires or {}
        shared = config.common(self._broker, self.state, image_url or images.url)
        common = config.write(directory / "common.conf", config.merged(shared, options or {}))
        database = config.write(directory / "db.conf", {"database": {"connection": url}})
        served = config.write(directory / "api.conf", config.api(self.api_port))
        self.manage_configs = (common, database)
        assert self.manage("db", "sync").returncode == 0
        self.conductor = Daemon("conductor", (common, database), directory)
        self.scheduler = Daemon("scheduler", (common, database), directory)
        self.api = Daemon("api", (common, database, served), directory)
        self._directory, self.config_file = directory, common
        self.computes = {host: self._compute(host, host) for host in computes}

    def _compute(self, host: str, name: str) -> Daemon:
        options = {"host": host}
        if host in self._wires:
            port = self._wires[host].port
            options["transport_url"] = re.sub(r":\d+/", f":{port}/", self._broker)
        own = config.write(self._directory / f"{name}.conf", {"DEFAULT": options})
        return Daemon("compute", (self.config_file, own), self._directory, name)

    def another_compute(self, host: str) -> Daemon:
        """One more process for ``host``; it is the caller's."""
        return self._compute(host, f"{host}-{uuid.uuid4().hex[:6]}")

    def manage(self, *words: str, configs: Sequence[pathlib.Path] = ()) -> Done:
        """``nova-mini-manage``, with ``configs`` over those of the cloud."""
        argv = [sys.executable, "-m", "nova_mini.cmd.manage"]
        argv += [f"--config-file={path}" for path in (*self.manage_configs, *configs)]
        done = subprocess.run([*argv, *words], capture_output=True, text=True, timeout=120)
        print(done.stdout, done.stderr, sep="\n")
        return done

    # -- its daemons -------------------------------------------------------------------------

    @property
    def daemons(self) -> list[Daemon]:
        return [self.conductor, self.scheduler, self.api, *self.computes.values()]

    def start(self) -> None:
        """All at the same time: the order in which they come up does not matter."""
        for daemon in self.daemons:
            daemon.spawn()
        for daemon in self.daemons:
            daemon.wait_ready()

    def stop(self) -> None:
        for daemon in self.daemons:
            if daemon.process.alive:
                daemon.kill()
        self.database.dispose()

    def mend(self) -> None:
        """Start again what is dead, let go on what is stopped, without any order to die."""
        dead = [daemon for daemon in self.daemons if not daemon.process.alive]
        for daemon in self.daemons:
            daemon.disarm()
            daemon.go_on()
        for daemon in dead:
            daemon.spawn()
        for daemon in dead:
            daemon.wait_ready()

    # -- what it looks like from outside -----------------------------------------------------

    def client(self, token: str, version: str = "latest") -> Client:
        return Client(f"http://{ADDRESS}:{self.api_port}/v2.1", token, version)

    @property
    def admin(self) -> Client:
        return self.client("admin:admin")

    def query(self, statement: str, **parameters) -> list[dict]:
        with self.database.connect() as connection:
            return [
                dict(row) for row in connection.execute(sa.text(statement), parameters).mappings()
            ]

    def damage(self, statement: str, **parameters) -> None:
        """Change what is recorded behind everybody's back."""
        with self.database.connect() as connection:
            connection.execute(sa.text(statement), parameters)

    def guest(self, host: str, server_id: str) -> dict:
        """What the hypervisor of ``host`` knows of that guest."""
        return json.loads((self.state / "fake" / host / f"{server_id}.json").read_text())

    def whole_images(self) -> dict[str, str]:
        """id -> name"""
        return self.images.names("active")

    def guests(self, host: str) -> dict[str, int]:
        """uuid -> power state of what the hypervisor of ``host`` has, by its files."""
        files = list((self.state / "fake" / host).glob("*.json"))
        return {path.stem: state for path in files if (state := _state_of(path)) is not None}


def _state_of(path: pathlib.Path) -> int | None:
    """None for a guest that is removed while we look."""
    try:
        return json.loads(path.read_text())["state"]
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def running(
    engines: Engines, directory: pathlib.Path, images: ImageService, **kwargs
) -> Iterator[Cloud]:
    cloud = Cloud(engines, directory, images, **kwargs)
    try:
        cloud.start()
        yield cloud
    finally:
        cloud.stop()
