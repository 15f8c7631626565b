"""A project with one user, and helpers for its tests."""

from __future__ import annotations

import itertools
import re

from tests.functional.harness import oracle
from tests.functional.harness.client import Client
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.waiting import until

_numbers = itertools.count(1)


class Project:
    """``user``: a member of the project. ``admin``: the cloud's administrator in the project."""

    def __init__(self, cloud: Cloud, name: str, catalog: dict[str, str]):
        self._cloud = cloud
        self._catalog = catalog
        word = re.sub(r"\W+", "-", name)[:40]
        self.id = f"{word}-{next(_numbers)}"
        self.user: Client = cloud.client(f"user:{self.id}")
        self.admin: Client = cloud.client(f"admin:{self.id}")

    def server(self, **fields) -> dict:
        """The body of a request for a server. ``fields`` override the defaults."""
        return {
            "server": {
                "name": "s",
                "imageRef": self._catalog["image"],
                "flavorRef": self._catalog["flavor"],
                "networks": "none",
                **fields,
            }
        }

    def create(self, **fields) -> str:
        """Request a server. Return its ID."""
        client = self.admin if "host" in fields else self.user
        return client.post("/servers", self.server(**fields), 202)["server"]["id"]

    def boot(self, **fields) -> str:
        """Create a server and wait until it is ACTIVE. Return its ID."""
        server_id = self.create(**fields)
        self.user.wait_for(server_id, "ACTIVE")
        return server_id

    def host_of(self, server_id: str) -> str:
        return self.admin.show(server_id)["OS-EXT-SRV-ATTR:host"]

    def servers(self) -> list[str]:
        return [server["id"] for server in self.user.get("/servers")["servers"]]

    def events(self, server_id: str, action: str) -> list[dict]:
        """The events of the newest ``action`` of the server."""
        path = f"/servers/{server_id}/os-instance-actions"
        actions = self.admin.get(path)["instanceActions"]
        found = next(each for each in actions if each["action"] == action)
        return self.admin.get(f"{path}/{found['request_id']}")["instanceAction"]["events"]

    def end(self) -> None:
        """Delete the remaining servers, and check the whole cloud for violations."""
        for server_id in self.servers():
            self.user.request("DELETE", f"/servers/{server_id}")
        until("the project is empty", lambda: not self.servers(), 30)
        oracle.assert_clean(self._cloud)
