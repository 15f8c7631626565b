"""Volumes that are attached without a wait for the host (microversion 2.101)."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import requests

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import external_services
from tests.functional.harness.project import Project
from tests.functional.harness.upgrade import SECONDS, Site
from tests.functional.harness.waiting import until

NEWEST = {"OpenStack-API-Version": "compute 2.101"}


@pytest.fixture(scope="module")
def site(engines, images, workspace) -> Iterator[Site]:
    with external_services.running() as external:
        directory, options = workspace / "volumes", external.options
        with clouds.running(engines, directory, images, options=options) as cloud:
            project = Project(cloud, "volumes", make_catalog(cloud, images))
            yield Site(cloud, project, external, images.add(name="other"))
            cloud.repair()
            project.end()


@pytest.fixture(scope="module")
def server(site) -> str:
    return site.boot()


@pytest.fixture
def compute(site, server) -> Iterator:
    """The compute of the server's host. What a test leaves attached is detached."""
    yield site.cloud.computes[site.project.host_of(server)]
    site.cloud.repair()
    site.wait_idle(server)
    for volume_id in devices(site, server):
        site.user.delete(f"/servers/{server}/os-volume_attachments/{volume_id}", 202)
        site.wait_for_volume(volume_id, "available")
    site.wait_idle(server)


def attach(site: Site, server: str, **fields) -> str:
    """Request it for a new volume. Return its ID."""
    volume_id = site.external.volume()
    body = {"volumeAttachment": {"volumeId": volume_id, **fields}}
    path = f"/servers/{server}/os-volume_attachments"
    answer = site.user.request("POST", path, body, headers=NEWEST)
    assert (answer.status_code, answer.content) == (202, b""), answer.text
    return volume_id


def devices(site: Site, server: str) -> dict[str, str | None]:
    listed = site.user.get(f"/servers/{server}/os-volume_attachments")["volumeAttachments"]
    return {each["volumeId"]: each.get("device") for each in listed}


def last_action(site: Site, server: str) -> dict:
    return site.user.get(f"/servers/{server}/os-instance-actions")["instanceActions"][0]


def test_the_response_does_not_wait_for_the_host(site, server, compute):
    compute.kill()
    first, second = attach(site, server), attach(site, server, device="/dev/vdf")
    assert devices(site, server) == {first: None, second: "/dev/vdf"}
    compute.start()
    for volume_id in (first, second):
        site.wait_for_volume(volume_id, "in-use")
    assert devices(site, server) == {first: "/dev/vdb", second: "/dev/vdf"}


@pytest.mark.parametrize(
    "point",
    ["before _name_device", "_name_device", "before FakeDriver.attach_volume", "_attach_volume"],
)
def test_the_compute_dies_while_it_attaches(site, server, compute, point):
    compute.inject_at(point)
    volume_id = attach(site, server)
    compute.wait_injected(point)
    compute.start()
    site.wait_for_volume(volume_id, "in-use")
    site.wait_idle(server)
    assert devices(site, server) == {volume_id: "/dev/vdb"}


@pytest.mark.parametrize("point", ["before create_mapping", "create_mapping", "API.attach_volume"])
def test_the_api_dies_while_it_answers(site, server, compute, point):
    """The volume is attached or as before."""
    site.cloud.api.inject_at(point)
    with pytest.raises(requests.ConnectionError):  # its worker is started again
        attach(site, server)
    site.cloud.api.wait_injected(point)
    site.wait_idle(server)
    attached = devices(site, server)
    assert set(attached.values()) <= {"/dev/vdb"}
    states = [site.external.cinder.status(volume_id) for volume_id in attached]
    assert states == ["in-use"] * len(attached)


def test_a_device_that_the_host_refuses_fails_the_action(site, server, compute):
    volume_id = attach(site, server, device="/dev/vda")  # the root disk
    site.wait_idle(server)
    assert site.external.cinder.status(volume_id) == "available"
    assert devices(site, server) == {}
    action = last_action(site, server)
    assert (action["action"], action["message"]) == ("attach_volume", "Error")
    until("it is still ACTIVE", lambda: site.user.show(server)["status"] == "ACTIVE", SECONDS)
