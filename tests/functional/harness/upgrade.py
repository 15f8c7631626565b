"""A cloud of an older release, and a project in it, for tests that upgrade it."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
from collections.abc import Iterator

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import external_services
from tests.functional.harness.client import Client
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.external_services import ExternalServices
from tests.functional.harness.project import Project
from tests.functional.harness.waiting import until

HOSTS = ("c1", "c2")
SECONDS = 60
#: Headers of a request that both releases answer in the same way.
OLD_VERSION = {"OpenStack-API-Version": "compute 2.96"}


@dataclasses.dataclass
class Site:
    """A cloud and one project in it. ``other_image``: the image of rebuilds."""

    cloud: Cloud
    project: Project
    external: ExternalServices
    other_image: str

    @property
    def user(self) -> Client:
        return self.project.user

    @property
    def admin(self) -> Client:
        return self.project.admin

    def create(self, host: str | None = None, **fields) -> str:
        """Request a server with one port. Return its ID."""
        if host:
            fields["availability_zone"] = f"nova:{host}"
        fields.setdefault("networks", [{"uuid": self.external.network}])
        body = self.project.server(**fields)
        return self.admin.post("/servers", body, 202)["server"]["id"]

    def boot(self, host: str | None = None, **fields) -> str:
        server_id = self.create(host, **fields)
        self.user.wait_for(server_id, "ACTIVE", SECONDS)
        return server_id

    def request_attachment(self, server_id: str, volume_id: str) -> None:
        path, body = f"/servers/{server_id}/os-volume_attachments", {"volumeId": volume_id}
        sent = self.user.request("POST", path, {"volumeAttachment": body}, headers=OLD_VERSION)
        assert sent.status_code == 200, sent.text

    def attach(self, server_id: str) -> str:
        """Create a volume and attach it to the server. Return its ID."""
        volume_id = self.external.volume()
        self.request_attachment(server_id, volume_id)
        self.wait_for_volume(volume_id, "in-use")
        return volume_id

    def wait_for_volume(self, volume_id: str, status: str) -> None:
        def reached() -> bool:
            return self.external.cinder.status(volume_id) == status

        until(f"volume {volume_id} {status}", reached, SECONDS)

    def wait_idle(self, server_id: str) -> None:
        """Wait until the server has no unfinished actions."""
        statement = (
            "SELECT id FROM instance_actions WHERE instance_uuid = :u AND finish_time IS NULL"
        )
        idle = functools.partial(self.cloud.query, statement, u=server_id)
        until(f"server {server_id} is idle", lambda: not idle(), SECONDS)


@contextlib.contextmanager
def old_site(engines, images, directory, old_release, **options) -> Iterator[Site]:
    """A cloud whose daemons are all of the old release."""
    with external_services.running() as external:
        sections = {**external.options, "conductor": {"threads": 64}, "DEFAULT": options}
        with clouds.running(
            engines, directory, images, computes=HOSTS, options=sections, source=old_release
        ) as cloud:
            project = Project(cloud, directory.name, make_catalog(cloud, images))
            limits = {"quota_set": {"instances": 100, "cores": 100}}
            cloud.admin.put(f"/os-quota-sets/{project.id}", limits)
            yield Site(cloud, project, external, images.add(name="other"))
