"""Requests of old clients that are passed on to Neutron and Cinder, and what hosts make of them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness import external_services
from tests.functional.harness.project import Project
from tests.functional.harness.upgrade import SECONDS, Site
from tests.functional.harness.waiting import until

OLD = {"OpenStack-API-Version": "compute 2.1"}


@pytest.fixture(scope="module")
def site(engines, images, workspace) -> Iterator[Site]:
    with external_services.running() as external:
        external.neutron.add_network("nova", **{"router:external": True})
        with clouds.running(
            engines, workspace / "proxies", images, options=external.options
        ) as cloud:
            project = Project(cloud, "proxies", make_catalog(cloud, images))
            yield Site(cloud, project, external, images.add(name="other"))
            project.end()


def ask(site: Site, method: str, path: str, body=None, expect: int = 200) -> dict:
    answer = site.user.request(method, path, body, headers=OLD)
    assert answer.status_code == expect, answer.text
    return answer.json() if answer.content else {}


def addresses(site: Site, server_id: str) -> list[tuple[str, str]]:
    """(type, address) of the server, as its record has them."""
    found = site.user.show(server_id)["addresses"].values()
    return [(each["OS-EXT-IPS:type"], each["addr"]) for of in found for each in of]


def act(site: Site, server_id: str, action: str, **arguments) -> None:
    ask(site, "POST", f"/servers/{server_id}/action", {action: arguments}, 202)


def test_floating_ip_comes_and_goes(site):
    server_id = site.boot()
    ((_, fixed),) = addresses(site, server_id)
    address = ask(site, "POST", "/os-floating-ips")["floating_ip"]["ip"]
    act(site, server_id, "addFloatingIp", address=address)
    with_floating = [("fixed", fixed), ("floating", address)]
    until("floating IP is shown", lambda: addresses(site, server_id) == with_floating, SECONDS)
    (listed,) = ask(site, "GET", "/os-floating-ips")["floating_ips"]
    assert (listed["instance_id"], listed["fixed_ip"]) == (server_id, fixed)
    act(site, server_id, "removeFloatingIp", address=address)
    until("floating IP is gone", lambda: addresses(site, server_id) == [("fixed", fixed)], SECONDS)


def test_fixed_ip_comes_and_goes(site):
    server_id = site.boot()
    ((_, first),) = addresses(site, server_id)
    act(site, server_id, "addFixedIp", networkId=site.external.network)
    until("second address is shown", lambda: len(addresses(site, server_id)) == 2, SECONDS)
    act(site, server_id, "removeFixedIp", address=first)
    until("first address is gone", lambda: len(addresses(site, server_id)) == 1, SECONDS)
    assert addresses(site, server_id) != [("fixed", first)]


def test_volume_of_a_proxy_is_attached_without_a_body(site):
    volume = {"volume": {"size": 1, "display_name": "v"}}
    volume_id = ask(site, "POST", "/os-volumes", volume)["volume"]["id"]
    server_id = site.boot()
    newest = {"OpenStack-API-Version": "compute 2.101"}
    body = {"volumeAttachment": {"volumeId": volume_id}}
    path = f"/servers/{server_id}/os-volume_attachments"
    answer = site.user.request("POST", path, body, headers=newest)
    assert (answer.status_code, answer.content) == (202, b"")
    site.wait_for_volume(volume_id, "in-use")
    shown = ask(site, "GET", f"/os-volumes/{volume_id}")["volume"]
    assert shown["attachments"][0]["serverId"] == server_id


def test_server_is_unpinned_from_its_zone(site):
    server_id = site.boot(availability_zone="nova")
    path = f"/servers/{server_id}"
    for zone in (None, "nova"):
        body = {"server": {"pinned_availability_zone": zone}}
        assert site.user.put(path, body)["server"]["pinned_availability_zone"] == zone
        assert site.user.show(server_id)["pinned_availability_zone"] == zone


def test_hints_and_image_properties_are_shown(site):
    first = site.boot()
    hints = {"same_host": [first]}
    body = {**site.project.server(networks="none"), "os:scheduler_hints": hints}
    server_id = site.user.post("/servers", body, 202)["server"]["id"]
    site.user.wait_for(server_id, "ACTIVE")
    listed = site.user.get("/servers/detail")["servers"]
    by_id = {each["id"]: each["scheduler_hints"] for each in listed}
    assert (by_id[first], by_id[server_id]) == ({}, hints)
    assert all("properties" in each["image"] for each in listed)


def test_hosts_and_images(site):
    hosts = site.cloud.admin.request("GET", "/os-hosts", headers=OLD).json()["hosts"]
    assert ("c1", "compute", "nova") in [tuple(each.values()) for each in hosts]
    shown = ask(site, "GET", "/images/detail")["images"]
    assert {"ACTIVE"} == {each["status"] for each in shown}
