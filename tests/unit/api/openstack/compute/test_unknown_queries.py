"""Unknown query parameters of a GET are ignored, or refused from some microversion on; from 2.102
on, every GET refuses them."""

from __future__ import annotations

import pytest

from nova_mini import db
from tests.unit.conftest import ADMIN

# These refuse no unknown parameter before 2.102.
IGNORED = (
    "/flavors/1",
    "/flavors/private/os-flavor-access",
    "/flavors/1/os-extra_specs",
    "/flavors/1/os-extra_specs/hw:watchdog_action",
    "/os-aggregates",
    "/os-aggregates/1",
    "/os-availability-zone",
    "/os-availability-zone/detail",
    "/servers/{server}/os-instance-actions/{request}",
    "/servers/{server}",
    "/servers/{server}/ips",
    "/servers/{server}/tags",
    "/servers/{server}/metadata",
    "/servers/{server}/os-server-password",
    "/servers/{server}/migrations",
    "/os-quota-class-sets/default",
    "/os-quota-sets/project/defaults",
    "/os-instance_usage_audit_log",
    "/extensions",
    "/extensions/os-rescue",
    "/versions/v2.1",
)
SINCE_V226 = {"/servers/{server}/tags", "/servers/{server}/migrations"}
# The first microversion that refuses them.
REFUSED_SINCE = {
    "/flavors": (2, 75),
    "/flavors/detail": (2, 75),
    "/limits": (2, 75),
    "/os-keypairs": (2, 75),
    "/os-quota-sets/project": (2, 75),
    "/os-quota-sets/project/detail": (2, 75),
    "/os-services": (2, 75),
    "/os-simple-tenant-usage": (2, 75),
    "/os-simple-tenant-usage/project": (2, 75),
    "/servers": (2, 75),
    "/servers/detail": (2, 75),
    "/servers/{server}/os-instance-actions": (2, 58),
    "/servers/{server}/os-volume_attachments": (2, 75),
    "/os-hypervisors": (2, 53),
    "/os-hypervisors/detail": (2, 53),
    "/os-migrations": (2, 59),
}


@pytest.fixture
def ask(cloud):
    server_id = cloud.boot()
    (action,) = db.actions.get_by_instance(server_id)
    specs = {"extra_specs": {"hw:watchdog_action": "pause"}}
    cloud.api.post("/flavors/1/os-extra_specs", specs, token=ADMIN)
    private = {"name": "p", "id": "private", "vcpus": 1, "ram": 1, "disk": 1}
    private["os-flavor-access:is_public"] = False
    cloud.api.post("/flavors", {"flavor": private}, token=ADMIN)
    cloud.api.post("/os-aggregates", {"aggregate": {"name": "a"}}, token=ADMIN)

    def send(path: str, version: tuple[int, int]) -> tuple[int, int]:
        """The statuses of the request without and with an unknown parameter."""
        path = path.format(server=server_id, request=action["request_id"])
        sent = {"token": "admin:project", "version": "{}.{}".format(*version)}
        return tuple(
            cloud.api.get(each, **sent).status_int for each in (path, f"{path}?colour=red")
        )

    return send


@pytest.mark.parametrize("path", IGNORED)
def test_unknown_parameter_is_ignored_before_2_102(ask, path):
    first = (2, 26) if path in SINCE_V226 else (2, 1)
    for version in (first, (2, 74), (2, 75), (2, 101)):
        assert ask(path, version) == (200, 200), version
    assert ask(path, (2, 102)) == ask(path, (2, 104)) == (200, 400)


@pytest.mark.parametrize("path", REFUSED_SINCE)
def test_unknown_parameter_is_refused_since(ask, path):
    major, minor = REFUSED_SINCE[path]
    assert ask(path, (2, 1)) == (200, 200)
    assert ask(path, (major, minor - 1)) == (200, 200)
    assert ask(path, (major, minor)) == (200, 400)
    assert ask(path, (2, 98)) == (200, 400)
