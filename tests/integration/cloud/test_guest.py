"""The life of one guest: it is built, used and changed. It runs at the end of each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import guest as guests
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness.guest import Guest, answers_ping, user_data, wait_ping

HOSTNAME = "it-guest"
RUNNING, SHUTDOWN = 1, 4


@pytest.fixture(scope="module")
def wall(cloud) -> Iterator:
    """A security group that allows no incoming traffic."""
    group = cloud.of_user.network.create_security_group(name="it-wall")
    yield group
    cloud.of_user.network.delete_security_group(group)


@pytest.fixture(scope="module")
def guest(cloud, wall, boot_for_all) -> Guest:
    """A guest on the project's only network, which Nova chooses."""
    one = boot_for_all(
        name=HOSTNAME,
        networks="auto",
        key_name=guests.KEY,
        security_groups=[{"name": wall.name}],
        user_data=user_data("echo DATA for $(hostname)"),
        metadata={"purpose": "test"},
    )
    one.wait_for_output("GUEST: ready")
    return one


@pytest.fixture(scope="module")
def address(cloud, guest) -> Iterator[str]:
    """The floating address of the guest."""
    network = cloud.of_user.network
    port = guest.interfaces()[0]["port_id"]
    floating = network.create_ip(floating_network_id=cloud.network("public"), port_id=port)
    yield floating.floating_ip_address
    network.delete_ip(floating)


def test_the_guest_reads_its_identity_from_the_metadata_service(guest):
    guest.wait_for_output(f"GUEST: metadata=http uuid={guest.id} hostname={HOSTNAME}")


def test_it_has_the_address_that_neutron_gave_it(guest):
    interface = guest.interfaces()[0]
    (fixed,) = guest.addresses()
    guest.wait_for_output(f"GUEST: eth0 mac={interface['mac_addr']} addr={fixed}/24")


def test_it_runs_its_user_data(guest):
    guest.wait_for_output(f"DATA for {HOSTNAME}")


def test_the_root_disk_has_the_size_of_the_flavor(guest):
    guest.wait_for_output(r"GUEST: root grown mib=\d{3,4}")
    grown = int(guest.wait_for_output(r"root grown mib=(\d+)")[1])
    assert 850 < grown < 1024


def test_a_security_group_blocks_traffic_until_it_allows_it(cloud, wall, guest, address):
    guest.wait_for_output("GUEST: ssh ready")
    assert not answers_ping(address)
    rules = ({"protocol": "icmp"}, {"protocol": "tcp", "port_range_min": 22, "port_range_max": 22})
    for rule in rules:
        cloud.of_user.network.create_security_group_rule(
            security_group_id=wall.id, direction="ingress", **rule
        )
    wait_ping(address)
    assert guest.ssh(address, "hostname").strip() == HOSTNAME


def test_its_floating_address_is_shown(guest, address):
    until("Neutron's news has come", lambda: guest.addresses("floating") == [address], 90, 0.5)


def test_neutron_sent_an_event_when_the_port_was_wired(guest):
    """Without this event the guest would not be started: the build waits for it."""
    assert "wait_for_instance_event" in {event["event"] for event in guest.events("create")}
    port_id = guest.interfaces()[0]["port_id"]
    received = f"Instance {guest.id}: event network-vif-plugged of {port_id}"
    assert received in node.log("compute").read_text(errors="replace")


def test_the_guest_shuts_down_in_a_soft_reboot(guest):
    guest.act("reboot", {"type": "SOFT"}, "ACTIVE")
    guest.wait_for_output("GUEST: boot=")
    guest.wait_for_output("GUEST: ready")
    steps = [event["event"] for event in guest.events("reboot")]
    assert "LibvirtDriver._soft_reboot" in steps
    assert "LibvirtDriver._hard_reboot" not in steps


def test_a_hard_reboot_does_not_wait_for_the_guest(guest, address):
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    guest.wait_for_output("GUEST: boot=")
    guest.wait_for_output("GUEST: ssh ready")
    assert guest.ssh(address, "hostname").strip() == HOSTNAME


def test_stop_and_start(guest, address):
    guest.act("os-stop", None, "SHUTOFF")
    assert node.domains()[guest.id] == SHUTDOWN
    guest.act("os-start", None, "ACTIVE")
    assert node.domains()[guest.id] == RUNNING
    guest.wait_for_output("GUEST: boot=")
    guest.wait_for_output("GUEST: ssh ready")
    wait_ping(address)


def test_the_record_follows_a_guest_that_powers_off(guest, address):
    guest.skip_output()
    guest.ssh(address, "poweroff")
    server = guest.wait_for("SHUTOFF", 30)  # by the event: the periodic look comes once a minute
    assert server["OS-EXT-STS:power_state"] == SHUTDOWN
    guest.act("os-start", None, "ACTIVE")
    guest.wait_for_output("GUEST: boot=")
    guest.wait_for_output("GUEST: ssh ready")


def test_pause_and_unpause(guest, address):
    guest.act("pause", None, "PAUSED")
    assert not answers_ping(address)
    guest.act("unpause", None, "ACTIVE")
    wait_ping(address)


def test_suspend_and_resume(guest, address):
    before = float(guest.ssh(address, "cut -d' ' -f1 /proc/uptime"))
    guest.act("suspend", None, "SUSPENDED")
    assert node.domains()[guest.id] == SHUTDOWN
    guest.act("resume", None, "ACTIVE")
    assert float(guest.ssh(address, "cut -d' ' -f1 /proc/uptime")) > before


def test_its_console_can_be_read_while_it_runs(cloud, guest, address):
    guest.ssh(address, "echo so it says > /dev/ttyS0")
    guest.wait_for_output("so it says", 20)
    response = cloud.user.act(guest.id, "os-getConsoleOutput", {"length": 1}, expect=200)
    assert response["output"].count("\n") <= 1


def test_an_interface_is_attached_and_detached(cloud, guest):
    guest.skip_output()
    body = {"interfaceAttachment": {"net_id": cloud.network("private")}}
    added = cloud.user.post(f"/servers/{guest.id}/os-interface", body)["interfaceAttachment"]
    guest.wait_for_output("GUEST: hotplug add eth1", 60)
    guest.wait_for_output(
        f"eth1 mac={added['mac_addr']} addr={added['fixed_ips'][0]['ip_address']}", 60
    )
    assert len(guest.interfaces()) == 2
    cloud.user.delete(f"/servers/{guest.id}/os-interface/{added['port_id']}", 202)
    guest.wait_for_output("GUEST: hotplug remove eth1", 60)
    until("one interface is left", lambda: len(guest.interfaces()) == 1, 60, 0.5)
    ports = cloud.of_user.network.ports(id=added["port_id"])
    assert list(ports) == [], "the port was made for the server and goes with it"


def test_an_image_of_the_guest_boots(cloud, guest, address, boot):
    guest.ssh(address, "echo kept > /root/note && sync")
    response = cloud.user.request(
        "POST", f"/servers/{guest.id}/action", {"createImage": {"name": "it-copy"}}
    )
    assert response.status_code == 202, response.text
    image_id = response.json()["image_id"]
    try:
        guest.wait_for("ACTIVE", 180)
        until("the image is active", lambda: _image_status(cloud, image_id) == "active", 180, 1)
        script = user_data("cat /root/note")
        copy = boot(imageRef=image_id, config_drive=True, user_data=script)
        copy.wait_for_output("GUEST: ready")
        copy.wait_for_output("(?m)^kept")
    finally:
        cloud.of_user.image.delete_image(image_id)


def _image_status(cloud, image_id: str) -> str:
    return cloud.of_user.image.get_image(image_id).status


def test_a_rebuild_replaces_only_the_disk(cloud, guest, address):
    before = guest.show()
    guest.act("rebuild", {"imageRef": cloud.image("mini-raw")}, "ACTIVE")
    guest.wait_for_output("GUEST: boot=1 uptime")
    guest.wait_for_output("GUEST: ssh ready")
    after = guest.show()
    assert after["image"]["id"] == cloud.image("mini-raw") != before["image"]["id"]
    assert after["addresses"] == before["addresses"]
    assert guest.ssh(address, "hostname; ls /root").split() == [HOSTNAME]


def test_all_operations_are_in_the_history(cloud, guest):
    actions = cloud.user.get(f"/servers/{guest.id}/os-instance-actions")["instanceActions"]
    done = [each["action"] for each in reversed(actions)]
    assert done[0] == "create"
    assert {
        "reboot",
        "stop",
        "start",
        "pause",
        "unpause",
        "suspend",
        "resume",
        "createImage",
        "attach_interface",
        "detach_interface",
        "rebuild",
    } <= set(done)
    for action in set(done):
        events = guest.events(action)
        assert events, action
        assert {event["result"] for event in events} == {"Success"}, (action, events)
        assert all(event["finish_time"] for event in events), (action, events)
