"""The cloud of the stack, seen by its users, by its administrator and on its machine."""

from __future__ import annotations

import configparser
from collections.abc import Sequence

import openstack
import sqlalchemy as sa
from keystoneauth1.exceptions import ClientException

from tests.functional.harness import client
from tests.integration.cloud.harness import ceph, node
from tests.integration.cloud.harness.machine import Machine

VERSION = "2.96"


class Client(client.Client):
    """A user of the Compute API with the token of ``connection``, which renews it. Waits are long,
    because the machine may be busy."""

    pause = 0.3

    def __init__(self, connection):
        super().__init__(connection.compute.get_endpoint(), None, VERSION)
        self._connection = connection

    def request(self, method, path, body=None, *, headers=None, **kwargs):
        headers = {"X-Auth-Token": self._connection.auth_token, **(headers or {})}
        return super().request(method, path, body, headers=headers, **kwargs)


class Cloud:
    """``user`` and ``admin`` send requests to the Compute API; ``of_user`` and ``of_admin`` are SDK
    connections to all services. ``query``, ``machines`` (the hosts of servers), ``computes``,
    ``guests`` and ``whole_images`` are for the oracle. ``forgiven``: violations from before the
    tests, which the oracle ignores. ``user``: the name of the user in ``clouds.yaml``."""

    def __init__(self, machines: Sequence[Machine] = (node.HERE,), user: str = "demo"):
        self.of_user = openstack.connect(cloud=user)
        self.of_admin = openstack.connect(cloud="admin")
        self.user = Client(self.of_user)
        self.admin = Client(self.of_admin)
        control = machines[0]
        text = control.path("/etc/nova-mini/nova-mini-db.conf").read_text()
        parsed = configparser.ConfigParser(interpolation=None)
        parsed.read_string(text)
        url = parsed["database"]["connection"]
        self._database = sa.create_engine(url, poolclass=sa.NullPool)
        self.machines = list(machines)
        self.computes = [machine.name for machine in machines]
        self.forgiven: set[str] = set()
        self.has_volumes = self.of_admin.has_service("block-storage")

    def query(self, statement: str, **parameters) -> list[dict]:
        with self._database.connect() as connection:
            rows = connection.execute(sa.text(statement), parameters)
            return [dict(row) for row in rows.mappings()]

    def guests(self, host: str) -> dict[str, int]:
        return next(each for each in self.machines if each.name == host).domains()

    def rescue_disks(self) -> set[str]:
        """Uuids of the servers that have a rescue disk, in Ceph or in files."""
        names = ceph.names(ceph.DISKS) if ceph.HERE else set()
        in_ceph = {name.partition("_")[0] for name in names if name.endswith("_disk.rescue")}
        in_files = (each.servers_with_file("disk.rescue") for each in self.machines)
        return in_ceph.union(*in_files)

    def local_disks(self, host: str) -> dict[str, str]:
        """None: only the disks of fake guests have a content that the oracle can compare."""
        return {}

    def whole_images(self) -> dict[str, str]:
        """id -> name of the active images."""
        images = self.of_admin.image.images(status="active")
        return {image.id: image.name for image in images}

    def image(self, name: str) -> str:
        return self.of_user.image.find_image(name, ignore_missing=False).id

    def network(self, name: str) -> str:
        return self.of_user.network.find_network(name, ignore_missing=False).id

    def is_answering(self) -> bool:
        """Whether the Compute API responds, with all services that it needs."""
        try:
            return self.of_user.compute.get("/servers").status_code == 200
        except ClientException:
            return False
