"""The life of one guest: built, reached, switched, changed; each test leaves it running."""

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
    """A security group that lets nothing in."""
    group = cloud.of_user.network.create_security_group(name="it-wall")
    yield group
    cloud.of_user.network.delete_security_group(group)


@pytest.fixture(scope="module")
def guest(cloud, wall, boot_for_all) -> Guest:
    """On the project's only network, chosen by Nova."""
    one = boot_for_all(
        name=HOSTNAME,
        networks="auto",
        key_name=guests.KEY,
        security_groups=[{"name": wall.name}],
        user_data=user_data("echo DATA for $(hostname)"),
        metadata={"purpose": "test"},
    )
    one.says("GUEST: ready")
    return one


@pytest.fixture(scope="module")
def address(cloud, guest) -> Iterator[str]:
    """Its floating one."""
    network = cloud.of_user.network
    port = guest.interfaces()[0]["port_id"]
    floating = network.create_ip(floating_network_id=cloud.network("public"), port_id=port)
    yield floating.floating_ip_address
    network.delete_ip(floating)


def test_it_knows_who_it_is_from_the_metadata_service(guest):
    guest.says(f"GUEST: metadata=http uuid={guest.id} hostname={HOSTNAME}")


def test_it_has_the_address_that_neutron_gave_it(guest):
    interface = guest.interfaces()[0]
    (fixed,) = guest.addresses()
    guest.says(f"GUEST: eth0 mac={interface['mac_addr']} addr={fixed}/24")


def test_it_runs_its_user_data(guest):
    guest.says(f"DATA for {HOSTNAME}")


def test_its_root_disk_is_as_large_as_the_flavor_says(guest):
    guest.says(r"GUEST: root grown mib=\d{3,4}")
    grown = int(guest.says(r"root grown mib=(\d+)")[1])
    assert 850 < grown < 1024


def test_its_group_keeps_others_out_until_it_lets_them_in(cloud, wall, guest, address):
    guest.says("GUEST: ssh ready")
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


def test_neutron_told_when_its_port_was_wired(guest):
    """It would not have been started: the build waits for that."""
    assert "wait_for_instance_event" in {event["event"] for event in guest.events("create")}
    told = f"Event network-vif-plugged of {guest.interfaces()[0]['port_id']} for {guest.id}"
    log = node.log("compute").read_text(errors="replace").replace("instance ", "")
    assert told in log


def test_a_soft_reboot_lets_it_shut_down(guest):
    guest.act("reboot", {"type": "SOFT"}, "ACTIVE")
    guest.says("GUEST: boot=")
    guest.says("GUEST: ready")
    steps = [event["event"] for event in guest.events("reboot")]
    assert "LibvirtDriver._soft_reboot" in steps
    assert "LibvirtDriver._hard_reboot" not in steps


def test_a_hard_reboot_does_not_ask_it(guest, address):
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    guest.says("GUEST: boot=")
    guest.says("GUEST: ssh ready")
    assert guest.ssh(address, "hostname").strip() == HOSTNAME


def test_stop_and_start(guest, address):
    guest.act("os-stop", None, "SHUTOFF")
    assert node.domains()[guest.id] == SHUTDOWN
    guest.act("os-start", None, "ACTIVE")
    assert node.domains()[guest.id] == RUNNING
    guest.says("GUEST: boot=")
    guest.says("GUEST: ssh ready")
    wait_ping(address)


def test_when_it_powers_itself_off_its_record_follows(guest, address):
    guest.listen()
    guest.ssh(address, "poweroff")
    server = guest.wait_for("SHUTOFF", 30)  # by the event: the periodic look comes once a minute
    assert server["OS-EXT-STS:power_state"] == SHUTDOWN
    guest.act("os-start", None, "ACTIVE")
    guest.says("GUEST: boot=")
    guest.says("GUEST: ssh ready")


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
    guest.says("so it says", 20)
    answer = cloud.user.act(guest.id, "os-getConsoleOutput", {"length": 1}, expect=200)
    assert answer["output"].count("\n") <= 1


def test_an_interface_comes_and_goes(cloud, guest):
    guest.listen()
    body = {"interfaceAttachment": {"net_id": cloud.network("private")}}
    added = cloud.user.post(f"/servers/{guest.id}/os-interface", body)["interfaceAttachment"]
    guest.says("GUEST: hotplug add eth1", 60)
    guest.says(f"eth1 mac={added['mac_addr']} addr={added['fixed_ips'][0]['ip_address']}", 60)
    assert len(guest.interfaces()) == 2
    cloud.user.delete(f"/servers/{guest.id}/os-interface/{added['port_id']}", 202)
    guest.says("GUEST: hotplug remove eth1", 60)
    until("one interface is left", lambda: len(guest.interfaces()) == 1, 60, 0.5)
    ports = cloud.of_user.network.ports(id=added["port_id"])
    assert list(ports) == [], "the port was made for the server and goes with it"


def test_an_image_of_it_boots_again(cloud, guest, address, boot):
    guest.ssh(address, "echo kept > /root/note && sync")
    answer = cloud.user.request(
        "POST", f"/servers/{guest.id}/action", {"createImage": {"name": "it-copy"}}
    )
    assert answer.status_code == 202, answer.text
    image_id = answer.json()["image_id"]
    try:
        guest.wait_for("ACTIVE", 180)
        until("the image is active", lambda: _image_status(cloud, image_id) == "active", 180, 1)
        script = user_data("cat /root/note")
        copy = boot(imageRef=image_id, config_drive=True, user_data=script)
        copy.says("GUEST: ready")
        copy.says("(?m)^kept")
    finally:
        cloud.of_user.image.delete_image(image_id)


def _image_status(cloud, image_id: str) -> str:
    return cloud.of_user.image.get_image(image_id).status


def test_a_rebuild_gives_it_a_new_disk_and_leaves_the_rest(cloud, guest, address):
    before = guest.show()
    guest.act("rebuild", {"imageRef": cloud.image("mini-raw")}, "ACTIVE")
    guest.says("GUEST: boot=1 uptime")
    guest.says("GUEST: ssh ready")
    after = guest.show()
    assert after["image"]["id"] == cloud.image("mini-raw") != before["image"]["id"]
    assert after["addresses"] == before["addresses"]
    assert guest.ssh(address, "hostname; ls /root").split() == [HOSTNAME]


def test_all_that_was_done_is_in_its_history(cloud, guest):
    actions = cloud.user.get(f"/servers/{guest.id}/os-instance-actions")["instanceActions"]
    done = [each["action"] for each in reversed(actions)]
    assert done[0] == "create"
    assert {"reboot", "stop", "start", "pause", "unpause", "suspend", "resume", "createImage",
            "attach_interface", "detach_interface", "rebuild"} <= set(done)  # fmt: skip
    for action in set(done):
        events = guest.events(action)
        assert events, action
        assert {event["result"] for event in events} == {"Success"}, (action, events)
        assert all(event["finish_time"] for event in events), (action, events)
