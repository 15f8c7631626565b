"""A cloud: api, conductor, scheduler and computes with one broker and one database."""

from __future__ import annotations

import contextlib
import json
import os
import pathlib
import re
import subprocess
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
from tests.functional.harness.source import HERE, Source

Done = subprocess.CompletedProcess[str]


class Cloud:
    """``computes``: the names of the hosts, with one process each. ``wires``: host -> its own
    connection to the broker. ``image_url``: the URL of ``images`` if it is not the default.
    ``options``: for all daemons. ``api_options``: for the API only. ``source``: what the
    daemons run from at first, see :meth:`upgrade`.
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
        api_options: config.Sections | None = None,
        source: Source = HERE,
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
        self._directory, self.config_file = directory, common
        self.manage_configs = (common, database)
        self._api_options, self._source = api_options or {}, source
        assert self.manage("db", "sync").returncode == 0
        self.conductor = self._control("conductor")
        self.scheduler = self._control("scheduler")
        self.api = self._control("api")
        self.computes = {host: self._compute(host, host) for host in computes}

    def _control(self, service: str) -> Daemon:
        configs = self.manage_configs
        if service == "api":
            own = config.api(self.api_port, self._source.paste_config)
            sections = config.merged(own, self._api_options)
            configs = (*configs, config.write(self._directory / "api.conf", sections))
        return Daemon(service, configs, self._directory, source=self._source)

    def _compute(self, host: str, name: str) -> Daemon:
        options = {"host": host}
        if host in self._wires:
            port = self._wires[host].port
            options["transport_url"] = re.sub(r":\d+/", f":{port}/", self._broker)
        own = config.write(self._directory / f"{name}.conf", {"DEFAULT": options})
        configs = (self.config_file, own)
        return Daemon("compute", configs, self._directory, name, self._source)

    def another_compute(self, host: str) -> Daemon:
        """A second compute process for ``host``. The caller starts and stops it."""
        return self._compute(host, f"{host}-{uuid.uuid4().hex[:6]}")

    def manage(self, *words: str, configs: Sequence[pathlib.Path] = ()) -> Done:
        """Run ``nova-mini-manage``; ``configs`` override the cloud's."""
        return self.run("manage", *words, configs=configs)

    def run(self, command: str, *words: str, configs: Sequence[pathlib.Path] = ()) -> Done:
        """Run ``nova-mini-<command>`` of the release to which the cloud is brought."""
        done = subprocess.run(
            [*self._argv(command, configs), *words],
            cwd=self._source.directory,
            env={**os.environ, **self._source.environment},
            capture_output=True,
            text=True,
            timeout=120,
        )
        print(done.stdout, done.stderr, sep="\n")
        return done

    def start_manage(self, *words: str) -> subprocess.Popen[str]:
        """Start ``nova-mini-manage``; the caller reads its output line by line.

        SIGINT interrupts it also where the tests run in the background of a shell, and inherit that
        it is ignored.
        """
        return subprocess.Popen(
            ["env", "--default-signal=INT", *self._argv("manage"), *words],
            cwd=self._source.directory,
            env={**os.environ, **self._source.environment},
            stdout=subprocess.PIPE,
            text=True,
        )

    def _argv(self, command: str, configs: Sequence[pathlib.Path] = ()) -> list[str]:
        files = [f"--config-file={path}" for path in (*self.manage_configs, *configs)]
        return [*self._source.argv(command), *files]

    # -- upgrade -----------------------------------------------------------------------------

    def upgrade(self, source: Source) -> None:
        """Upgrade the database to ``source``. Daemons that start from now on run from it."""
        self._source = source
        done = self.manage("db", "sync")
        assert done.returncode == 0, done.stderr

    def replace(self, *names: str) -> None:
        """Stop these daemons, if they run, and start them from the source of :meth:`upgrade`."""
        for name in names:
            daemon = next(each for each in self.daemons if each.name == name)
            if daemon.process.alive:
                assert daemon.stop() == 0
            if name in self.computes:
                self.computes[name] = successor = self._compute(name, name)
            else:
                successor = self._control(name)
                setattr(self, name, successor)
            successor.disarm()
            successor.start()

    # -- daemons -----------------------------------------------------------------------------

    @property
    def daemons(self) -> list[Daemon]:
        return [self.conductor, self.scheduler, self.api, *self.computes.values()]

    def start(self) -> None:
        """Start all daemons at the same time. Their order does not matter."""
        for daemon in self.daemons:
            daemon.spawn()
        for daemon in self.daemons:
            daemon.wait_ready()

    def stop(self) -> None:
        for daemon in self.daemons:
            if daemon.process.alive:
                daemon.kill()
        self.database.dispose()

    def repair(self) -> None:
        """Remove all orders of faults, continue paused daemons, and start dead ones."""
        dead = [daemon for daemon in self.daemons if not daemon.process.alive]
        for daemon in self.daemons:
            daemon.disarm()
            daemon.go_on()
        for daemon in dead:
            daemon.spawn()
        for daemon in dead:
            daemon.wait_ready()

    # -- state -------------------------------------------------------------------------------

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
        """Change the database directly."""
        with self.database.connect() as connection:
            connection.execute(sa.text(statement), parameters)

    def guest(self, host: str, server_id: str) -> dict:
        """The record of the guest in the fake hypervisor of ``host``."""
        return json.loads((self.state / "fake" / host / f"{server_id}.json").read_text())

    def whole_images(self) -> dict[str, str]:
        """id -> name of the active images."""
        return self.images.names("active")

    def rescue_disks(self) -> set[str]:
        """Uuids of the servers of all hosts that have a rescue disk."""
        found = {path.stem: path for path in (self.state / "fake").glob("*/*.json")}
        return {uuid for uuid, path in found.items() if _has_rescue_disk(path)}

    def guests(self, host: str) -> dict[str, int]:
        """uuid -> power state of the guests in the fake hypervisor of ``host``."""
        files = list((self.state / "fake" / host).glob("*.json"))
        return {path.stem: state for path in files if (state := _state_of(path)) is not None}

    def local_disks(self, host: str) -> dict[str, str]:
        """uuid -> content of the local disks in the fake hypervisor of ``host``."""
        files = list((self.state / "fake" / host).glob("*.disk"))
        return {path.stem: text for path in files if (text := _text_of(path)) is not None}


def _text_of(path: pathlib.Path) -> str | None:
    """None if the file has been removed."""
    try:
        return path.read_text()
    except FileNotFoundError:
        return None


def _has_rescue_disk(path: pathlib.Path) -> bool:
    try:
        return json.loads(path.read_text()).get("rescue_image") is not None
    except FileNotFoundError:
        return False


def _state_of(path: pathlib.Path) -> int | None:
    """The power state of a guest; None if it has been removed."""
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
