"""The cloud of the stack: what its users, its administrator and its machine see of it."""

from __future__ import annotations

import openstack
import sqlalchemy as sa
from keystoneauth1.exceptions import ClientException

from tests.functional.harness import client
from tests.integration.cloud.harness import node

VERSION = "2.96"


class Client(client.Client):
    """A user of the Compute API, by the token that ``connection`` has and renews; others use this
    machine, too."""

    pause = 0.3

    def __init__(self, connection):
        super().__init__(connection.compute.get_endpoint(), None, VERSION)
        self._connection = connection

    def request(self, method, path, body=None, *, headers=None, **kwargs):
        headers = {"X-Auth-Token": self._connection.auth_token, **(headers or {})}
        return super().request(method, path, body, headers=headers, **kwargs)


class Cloud:
    """``user`` and ``admin`` speak the Compute API bare; ``of_user`` and ``of_admin`` are SDK
    connections to all services. ``query``, ``computes``, ``guests`` and ``whole_images`` are for
    the oracle; ``forgiven`` is what it keeps silent about, since it was wrong before."""

    def __init__(self):
        self.of_user = openstack.connect(cloud="demo")
        self.of_admin = openstack.connect(cloud="admin")
        self.user = Client(self.of_user)
        self.admin = Client(self.of_admin)
        url = node.config("nova-mini-db.conf")["database"]["connection"]
        self._database = sa.create_engine(url, poolclass=sa.NullPool)
        self.computes = [node.NAME]
        self.forgiven: set[str] = set()
        self.has_volumes = self.of_admin.has_service("block-storage")

    def query(self, statement: str, **parameters) -> list[dict]:
        with self._database.connect() as connection:
            rows = connection.execute(sa.text(statement), parameters)
            return [dict(row) for row in rows.mappings()]

    def guests(self, host: str) -> dict[str, int]:
        assert host == node.NAME
        return node.domains()

    def whole_images(self) -> dict[str, str]:
        """id -> name"""
        images = self.of_admin.image.images(status="active")
        return {image.id: image.name for image in images}

    def image(self, name: str) -> str:
        return self.of_user.image.find_image(name, ignore_missing=False).id

    def network(self, name: str) -> str:
        return self.of_user.network.find_network(name, ignore_missing=False).id

    def is_answering(self) -> bool:
        """Whether the Compute API, and what it needs to answer, is there."""
        try:
            return self.of_user.compute.get("/servers").status_code == 200
        except ClientException:
            return False
