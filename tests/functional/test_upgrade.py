"""Upgrade a cloud of an older release in place, one daemon after the other, while it is used."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

import pytest

from tests.functional.harness import oracle, source
from tests.functional.harness.client import Client
from tests.functional.harness.upgrade import HOSTS, OLD_VERSION, SECONDS, Site, old_site
from tests.functional.harness.waiting import until


@pytest.fixture(scope="module")
def site(engines, images, workspace, old_release) -> Iterator[Site]:
    options = {"sync_power_state_interval": 1, "shelved_offload_time": 3600}
    with old_site(engines, images, workspace / "upgrade", old_release, **options) as made:
        yield made


STAGES = ("old release", "new tables", "new conductor", "new control", "one compute", "all")


class Upgrade:
    """The upgrade of a cloud to this release, in stages."""

    def __init__(self, site: Site):
        self._cloud = site.cloud
        self._next = 1

    def reach(self, stage: str) -> None:
        """Do all steps up to and including ``stage`` that are not done yet."""
        while self._next <= STAGES.index(stage):
            getattr(self, "_" + STAGES[self._next].replace(" ", "_"))()
            self._next += 1

    def _new_tables(self) -> None:
        self._cloud.upgrade(source.HERE)

    def _new_conductor(self) -> None:
        self._cloud.replace("conductor")

    def _new_control(self) -> None:
        self._cloud.replace("scheduler", "api")

    def _one_compute(self) -> None:
        self._cloud.replace(HOSTS[1])

    def _all(self) -> None:
        self._cloud.replace(HOSTS[0])


@pytest.fixture(scope="module")
def upgrade(site, residents) -> Upgrade:
    return Upgrade(site)


@dataclasses.dataclass
class Residents:
    """Servers that exist before the upgrade, by their state. ``before``: the responses of the API
    about them and about the rest of the cloud."""

    ids: dict[str, str]
    before: dict[str, object]


@pytest.fixture(scope="module")
def residents(site) -> Residents:
    """Servers in every state that the fake driver supports."""
    user, admin = site.user, site.admin
    kept = {
        "metadata": {"role": "db", "owner": "ä"},
        "tags": ["blue", "green"],
        "description": "kept",
        "user_data": "IyEvYmluL3No",
    }
    ids = {
        state: site.create(HOSTS[number % 2], name=state, **kept)
        for number, state in enumerate(
            (
                *("ACTIVE", "SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED"),
                *("locked", "deleted"),
            )
        )
    }
    ids["from volume"] = site.create(
        HOSTS[0],
        imageRef="",
        block_device_mapping_v2=[
            {
                "boot_index": 0,
                "uuid": site.external.volume(),
                "source_type": "volume",
                "destination_type": "volume",
            }
        ],
    )
    for server_id in ids.values():
        user.wait_for(server_id, "ACTIVE", SECONDS)
    ids["ERROR"] = site.create(metadata={"fake:fail_spawn_on": "*"})
    site.attach(ids["ACTIVE"])
    site.attach(ids["from volume"])
    for state, action in (
        ("SHUTOFF", "os-stop"),
        ("PAUSED", "pause"),
        ("SUSPENDED", "suspend"),
        ("SHELVED", "shelve"),
        ("SHELVED_OFFLOADED", "shelve"),
        ("locked", "lock"),
    ):
        user.act(ids[state], action)
    user.wait_for(ids["SHELVED_OFFLOADED"], "SHELVED", SECONDS)
    admin.act(ids["SHELVED_OFFLOADED"], "shelveOffload")
    user.delete(f"/servers/{ids['deleted']}")
    for state in ("SHUTOFF", "PAUSED", "SUSPENDED", "SHELVED", "SHELVED_OFFLOADED", "ERROR"):
        user.wait_for(ids[state], state, SECONDS)
    user.wait_gone(ids["deleted"])
    admin.post("/os-aggregates", {"aggregate": {"name": "fast", "availability_zone": "z"}})
    for server_id in ids.values():
        site.wait_idle(server_id)
    return Residents(ids, inventory(site, ids))


def inventory(site: Site, ids: dict[str, str]) -> dict[str, object]:
    """All responses of the API about these servers and about the rest of the cloud."""
    found: dict[str, object] = {}
    for state, server_id in ids.items():
        path = f"/servers/{server_id}"
        for part in ("", "/os-volume_attachments", "/os-interface", "/tags", "/metadata"):
            found[f"{state}{part}"] = _read(site.admin, path + part)
        history = _read(site.admin, f"{path}/os-instance-actions")
        found[f"{state} history"] = history
        for action in history["instanceActions"]:
            one = f"{path}/os-instance-actions/{action['request_id']}"
            found[f"{state} {action['action']}"] = _read(site.admin, one)
        for host in HOSTS:
            if server_id in site.cloud.guests(host):
                found[f"{state} guest"] = (host, site.cloud.guest(host, server_id))
    for path in (
        "/flavors/detail",
        "/os-aggregates",
        "/limits",
        "/os-quota-sets/" + site.project.id,
    ):
        found[path] = _read(site.admin, path)
    found["in Cinder"] = {each: dict(of) for each, of in site.external.cinder.attachments.items()}
    found["in Neutron"] = {each: dict(of) for each, of in site.external.neutron.ports.items()}
    return found


def _read(client: Client, path: str) -> dict:
    response = client.request("GET", path, headers=OLD_VERSION)
    assert response.status_code in (200, 404), response.text
    return response.json()


@pytest.fixture(scope="module", params=STAGES)
def stage(request, upgrade) -> str:
    """The stage of the upgrade: all tests run in one stage, then in the next."""
    upgrade.reach(request.param)
    return request.param


def test_all_records_are_unchanged(site, residents, stage):
    after = inventory(site, residents.ids)
    differing = {
        name: (found, after.get(name))
        for name, found in residents.before.items()
        if found != after.get(name)
    }
    assert differing == {}
    assert after.keys() == residents.before.keys()


def test_upgrade_check_names_old_computes(site, stage):
    old = {"old release": (), "one compute": HOSTS[:1], "all": ()}.get(stage, HOSTS)
    done = site.cloud.run("status", "upgrade", "check")
    found = "".join(done.stdout.replace("|", "").split())  # lines of a table
    assert [host for host in HOSTS if f"nova-mini-computeon{host}" in found] == list(old)
    assert (done.returncode == 0) == (not old)


def test_server_groups_work_when_the_control_services_are_new(site, residents, stage):
    """Servers of the old release have a request without a group, and are in none."""
    group = {"server_group": {"name": "g", "policy": "affinity"}}
    if STAGES.index(stage) < STAGES.index("new control"):
        assert site.user.request("POST", "/os-server-groups", group).status_code == 404
        return
    assert site.user.show(residents.ids["ACTIVE"])["server_groups"] == []
    group_id = site.user.post("/os-server-groups", group)["server_group"]["id"]
    body = {**site.project.server(), "os:scheduler_hints": {"group": group_id}}
    members = [site.user.post("/servers", body, 202)["server"]["id"] for _ in range(2)]
    for member in members:
        site.user.wait_for(member, "ACTIVE", SECONDS)
    assert len({site.project.host_of(member) for member in members}) == 1
    for member in members:
        site.user.delete(f"/servers/{member}")
        site.user.wait_gone(member)
    site.user.delete(f"/os-server-groups/{group_id}")


# Operations on a server that is ACTIVE. At the end it is ACTIVE again, with the same resources.


def _act(site: Site, server_id: str, action: str, status: str, arguments=None) -> None:
    site.user.act(server_id, action, arguments)
    site.user.wait_for(server_id, status, SECONDS)


def stop_and_start(site: Site, server_id: str) -> None:
    _act(site, server_id, "os-stop", "SHUTOFF")
    _act(site, server_id, "os-start", "ACTIVE")


def pause_and_unpause(site: Site, server_id: str) -> None:
    _act(site, server_id, "pause", "PAUSED")
    _act(site, server_id, "unpause", "ACTIVE")


def suspend_and_resume(site: Site, server_id: str) -> None:
    _act(site, server_id, "suspend", "SUSPENDED")
    _act(site, server_id, "resume", "ACTIVE")


def reboot(site: Site, server_id: str) -> None:
    for kind in ("SOFT", "HARD"):
        _act(site, server_id, "reboot", "ACTIVE", {"type": kind})


def rebuild(site: Site, server_id: str) -> None:
    _act(site, server_id, "rebuild", "ACTIVE", {"imageRef": site.other_image, "name": "rebuilt"})
    server = site.user.show(server_id)
    assert (server["image"]["id"], server["name"]) == (site.other_image, "rebuilt")
    guest = site.cloud.guest(site.project.host_of(server_id), server_id)
    assert guest["image"] == site.other_image


def shelve_and_unshelve(site: Site, server_id: str) -> None:
    """Shelve and unshelve a server on its host, and as an offloaded one on any host."""
    _act(site, server_id, "shelve", "SHELVED")
    _act(site, server_id, "unshelve", "ACTIVE")
    _act(site, server_id, "shelve", "SHELVED")
    site.admin.act(server_id, "shelveOffload")
    site.user.wait_for(server_id, "SHELVED_OFFLOADED", SECONDS)
    _act(site, server_id, "unshelve", "ACTIVE")


def make_image(site: Site, server_id: str) -> None:
    image_id = site.user.act(server_id, "createImage", {"name": "copy"})["image_id"]
    site.user.wait_for(server_id, "ACTIVE", SECONDS)
    assert site.cloud.images.get(image_id)["status"] == "active"


def change_volumes(site: Site, server_id: str) -> None:
    volume, other = site.attach(server_id), site.external.volume()
    site.external.cinder.volumes[volume]["migration_status"] = "migrating"
    path = f"/servers/{server_id}/os-volume_attachments/{volume}"
    site.admin.put(path, {"volumeAttachment": {"volumeId": other}}, 202)
    until("Cinder is done", lambda: other not in site.external.cinder.volumes, SECONDS)
    site.wait_idle(server_id)
    assert site.external.volumes(server_id) == [volume]
    site.user.delete(path, 202)
    site.wait_for_volume(volume, "available")
    site.wait_idle(server_id)


def change_interfaces(site: Site, server_id: str) -> None:
    path = f"/servers/{server_id}/os-interface"
    body = {"interfaceAttachment": {"net_id": site.external.network}}
    port_id = site.user.post(path, body)["interfaceAttachment"]["port_id"]
    assert port_id in site.external.ports(server_id)
    site.user.delete(f"{path}/{port_id}", 202)
    until("the port is gone", lambda: port_id not in site.external.ports(server_id), SECONDS)
    site.wait_idle(server_id)


def follow_the_network(site: Site, server_id: str) -> None:
    """Neutron changes an address and sends an event."""
    (port_id,) = site.external.ports(server_id)
    (address,) = site.external.neutron.ports[port_id]["fixed_ips"]
    address["ip_address"] = "10.0.0.200"
    event = {"name": "network-changed", "server_uuid": server_id, "status": "completed"}
    site.admin.post("/os-server-external-events", {"events": [event]})

    def seen() -> bool:
        (addresses,) = site.user.show(server_id)["addresses"].values()
        return [each["addr"] for each in addresses] == ["10.0.0.200"]

    until("the address is seen", seen, SECONDS)


def follow_the_guest(site: Site, server_id: str) -> None:
    """The record says that the guest is off; the host corrects it, because the guest runs."""
    off = "UPDATE instances SET vm_state = 'stopped', power_state = 4 WHERE uuid = :uuid"
    site.cloud.damage(off, uuid=server_id)
    site.user.wait_for(server_id, "ACTIVE", SECONDS)


def read_console(site: Site, server_id: str) -> None:
    found = site.user.act(server_id, "os-getConsoleOutput", {"length": 5}, expect=200)
    assert "FAKE" in found["output"]


def change_the_record(site: Site, server_id: str) -> None:
    site.user.put(f"/servers/{server_id}", {"server": {"name": "renamed"}})
    site.user.put(f"/servers/{server_id}/tags", {"tags": ["one", "two"]})
    site.user.post(f"/servers/{server_id}/metadata", {"metadata": {"more": "yes"}})
    server = site.user.show(server_id)
    assert (server["name"], server["tags"]) == ("renamed", ["one", "two"])
    assert server["metadata"] == {"more": "yes"}


OPERATIONS = (
    stop_and_start,
    pause_and_unpause,
    suspend_and_resume,
    reboot,
    change_the_record,
    rebuild,
    make_image,
    change_volumes,
    change_interfaces,
    follow_the_network,
    follow_the_guest,
    read_console,
    shelve_and_unshelve,
)


@pytest.mark.parametrize("host", HOSTS)
def test_every_operation_works(site, stage, host):
    server_id = site.boot(host)
    try:
        for operation in OPERATIONS:
            operation(site, server_id)
            history = site.user.get(f"/servers/{server_id}/os-instance-actions")
            failed = [each["action"] for each in history["instanceActions"] if each["message"]]
            assert not failed, f"{operation.__name__} with the {stage}: {failed} failed"
            assert len(site.external.ports(server_id)) == 1
    finally:
        site.user.delete(f"/servers/{server_id}")
        site.user.wait_gone(server_id, SECONDS)
    oracle.assert_clean(site.cloud)
    assert not site.external.ports(server_id)


def test_the_servers_go_on(site, residents, upgrade):
    upgrade.reach("all")
    for state, action in (
        ("SHUTOFF", "os-start"),
        ("PAUSED", "unpause"),
        ("SUSPENDED", "resume"),
        ("SHELVED", "unshelve"),
        ("SHELVED_OFFLOADED", "unshelve"),
    ):
        _act(site, residents.ids[state], action, "ACTIVE")
    site.user.act(residents.ids["locked"], "unlock")
    site.project.end()
    assert not site.external.cinder.attachments
    assert not [p for p in site.external.neutron.ports.values() if p["device_id"]]


def test_no_message_between_the_releases_failed(site, upgrade):
    upgrade.reach("all")
    for daemon in site.cloud.daemons:
        log = daemon.process.log.read_text()
        assert "Exception during message handling" not in log, daemon.name
