"""NICs are attached and detached by changes in Neutron, or while the guest does not answer."""

from __future__ import annotations

import re
import time
from concurrent import futures

import pytest

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness.guest import Guest

SECONDS = 60
ROUNDS = 6


@pytest.fixture(scope="module")
def guest(boot_for_all) -> Guest:
    one = boot_for_all(networks="auto")
    one.wait_for_output("GUEST: ready")
    return one


def plug(cloud, guest: Guest) -> dict:
    body = {"interfaceAttachment": {"net_id": cloud.network("private")}}
    path = f"/servers/{guest.id}/os-interface"
    return cloud.user.post(path, body)["interfaceAttachment"]


def unplug(cloud, guest: Guest, nic: dict) -> None:
    cloud.user.delete(f"/servers/{guest.id}/os-interface/{nic['port_id']}", 202)


def has(guest: Guest, nic: dict) -> tuple[bool, bool]:
    """(whether the record has the NIC, whether the domain has it)."""
    addresses = {ip["ip_address"] for ip in nic["fixed_ips"]}
    return bool(addresses & set(guest.addresses())), nic["mac_addr"] in node.domain_xml(guest.id)


def wait_gone(guest: Guest, nic: dict) -> None:
    until("record and guest have lost it", lambda: has(guest, nic) == (False, False), SECONDS, 0.5)


def test_one_of_four_concurrent_attaches_of_a_port_succeeds(cloud, guest):
    port = cloud.of_user.network.create_port(network_id=cloud.network("private"))
    body = {"interfaceAttachment": {"port_id": port.id}}
    path = f"/servers/{guest.id}/os-interface"
    with futures.ThreadPoolExecutor(4) as pool:
        asking = [pool.submit(cloud.user.request, "POST", path, body) for _ in range(4)]
    responses = [each.result() for each in asking]
    codes = sorted(response.status_code for response in responses)
    assert codes == [200, 409, 409, 409], [response.text for response in responses]
    (nic,) = (each.json()["interfaceAttachment"] for each in responses if each.status_code == 200)
    assert has(guest, nic) == (True, True)
    unplug(cloud, guest, nic)
    wait_gone(guest, nic)
    cloud.of_user.network.delete_port(port.id)


def test_a_port_that_is_deleted_in_neutron_leaves_the_guest(cloud, guest):
    guest.skip_output()
    nic = plug(cloud, guest)
    guest.wait_for_output("GUEST: hotplug add eth1", SECONDS)
    assert has(guest, nic) == (True, True)
    cloud.of_admin.network.delete_port(nic["port_id"])
    guest.wait_for_output("GUEST: hotplug remove eth1", SECONDS)
    wait_gone(guest, nic)
    assert {event["result"] for event in guest.events("detach_interface")} == {"Success"}


def test_it_leaves_one_that_is_off(cloud, guest):
    nic = plug(cloud, guest)
    guest.act("os-stop", None, "SHUTOFF")
    assert has(guest, nic) == (True, True)
    cloud.of_admin.network.delete_port(nic["port_id"])
    wait_gone(guest, nic)
    assert f"tap{nic['port_id']}"[:14] not in node.switch_ports()
    guest.act("os-start", None, "ACTIVE")
    guest.wait_for_output("GUEST: ready")


def test_a_nic_that_is_detached_at_once_does_not_return(cloud, guest):
    guest.act("os-stop", None, "SHUTOFF")
    nics = []
    for _ in range(ROUNDS):
        nics.append(plug(cloud, guest))
        unplug(cloud, guest, nics[-1])
    for nic in nics:
        wait_gone(guest, nic)
    time.sleep(10)  # Neutron's last events have come
    assert [has(guest, nic) for nic in nics] == [(False, False)] * ROUNDS
    assert len(guest.interfaces()) == 1
    guest.act("os-start", None, "ACTIVE")
    guest.wait_for_output("GUEST: ready")


def test_an_unpause_does_not_wait_for_a_detach_that_waits_for_the_guest(cloud, guest):
    """The detach continues when the guest runs again."""
    guest.skip_output()
    nic = plug(cloud, guest)
    guest.wait_for_output("GUEST: hotplug add eth1", SECONDS)
    guest.act("pause", None, "PAUSED")
    unplug(cloud, guest, nic)
    until("libvirt was asked", lambda: _has_detach_begun(guest, nic), SECONDS, 0.2)
    began = time.monotonic()
    guest.act("unpause", None, "ACTIVE")
    took = time.monotonic() - began
    wait_gone(guest, nic)
    assert took < 20, took
    print(f"unpause took {took:.1f} s")
    assert [event["result"] for event in guest.events("unpause")][-1] == "Success"


def test_a_hard_reboot_ends_the_wait_of_a_paused_guest(cloud, guest):
    nic = plug(cloud, guest)
    guest.act("pause", None, "PAUSED")
    unplug(cloud, guest, nic)
    until("libvirt was asked", lambda: _has_detach_begun(guest, nic), SECONDS, 0.2)
    began = time.monotonic()
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    assert time.monotonic() - began < SECONDS
    guest.wait_for_output("GUEST: ready")
    wait_gone(guest, nic)


def _has_detach_begun(guest: Guest, nic: dict) -> bool:
    """Whether the definition has no NIC any more, while the running domain still has it."""
    defined = node.run("virsh", "dumpxml", "--inactive", guest.id)
    return not re.search(nic["mac_addr"], defined) and has(guest, nic)[1]
