"""Guests with virtual TPMs, whose passphrases Barbican keeps: `tools/stack up --with barbican`."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import openstack
import pytest
from lxml import etree

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import guest as guests
from tests.integration.cloud.harness import node
from tests.integration.cloud.harness.guest import Guest

STATES = pathlib.Path("/var/lib/libvirt/swtpm")
FLAVORS = {
    "it-tpm": {"hw:tpm_version": "2.0", "hw:tpm_model": "tpm-crb"},
    "it-tpm-larger": {"hw:tpm_version": "2.0", "hw:tpm_model": "tpm-crb"},
    "it-no-tpm": {},
    "it-tpm-largest": {"hw:tpm_version": "2.0"},
    "it-tpm-1": {"hw:tpm_version": "1.2"},
}
# Shows the version of the guest's TPM, and size and digest of the public key at the handle
# 0x81010001 (TPM2_ReadPublic): swtpm_setup has stored the endorsement key there, and another state
# has another one.
SHOW = r"""
[ -c /dev/tpm0 ] || { echo none; exit; }
exec 3<>/dev/tpm0
printf '\200\001\000\000\000\016\000\000\001\163\201\001\000\001' >&3
dd bs=4096 count=1 <&3 2>/dev/null >/tmp/answer
echo $(cat /sys/class/tpm/tpm0/tpm_version_major) $(wc -c </tmp/answer) $(md5sum </tmp/answer)
"""
SECONDS = 180
DEATH_SECONDS = 40


@pytest.fixture(scope="module", autouse=True)
def _flavors(cloud) -> Iterator[None]:
    if not cloud.of_admin.has_service("key-manager"):
        pytest.skip("this stack has no Barbican")
    for number, (name, specs) in enumerate(FLAVORS.items()):
        flavor = {"id": name, "name": name, "ram": 128 + 16 * number, "vcpus": 1, "disk": 1}
        cloud.admin.post("/flavors", {"flavor": flavor})
        if specs:
            cloud.admin.post(f"/flavors/{name}/os-extra_specs", {"extra_specs": specs})
    yield
    for name in FLAVORS:
        cloud.admin.request("DELETE", f"/flavors/{name}")


class Tpm:
    """The guest's TPM, as the guest sees it."""

    def __init__(self, guest: Guest, address: str):
        self._guest = guest
        self._address = address

    def key(self) -> str:
        """The digest of its key."""
        version, size, digest, _name = self._guest.ssh(self._address, SHOW).split()
        assert version == "2" and int(size) > 100
        return digest


@pytest.fixture
def boot_with_tpm(boot, door, reach) -> Callable[[], tuple[Guest, Tpm]]:
    def boot_one() -> tuple[Guest, Tpm]:
        fields = {"key_name": guests.KEY, "security_groups": [{"name": door.name}]}
        guest = boot(flavorRef="it-tpm", networks="auto", **fields)
        return guest, Tpm(guest, reach(guest))

    return boot_one


def device(guest: Guest) -> etree._Element | None:
    return etree.fromstring(node.domain_xml(guest.id)).find("devices/tpm")


def secrets_of(cloud, guest: Guest) -> list[str]:
    """The ids of the user's secrets in Barbican for this server."""
    return _secrets(cloud.of_user, guest)


def secrets_of_service(guest: Guest) -> list[str]:
    options = node.config("nova-mini.conf")["service_user"]
    names = ("auth_url", "username", "password", "project_name")
    names += ("user_domain_name", "project_domain_name", "user_domain_id", "project_domain_id")
    auth = {name: options[name] for name in names if name in options}
    return _secrets(openstack.connect(auth=auth), guest)


def _secrets(connection, guest: Guest) -> list[str]:
    query = {"name": f"vTPM secret for instance {guest.id}"}
    found = connection.key_manager.get("/secrets", params=query).json()["secrets"]
    return [each["secret_ref"].rpartition("/")[2] for each in found]


def check_gone(cloud, guest: Guest) -> None:
    assert secrets_of(cloud, guest) == [] and node.secrets("vtpm") == []
    assert not (STATES / guest.id).exists()


def test_the_state_is_kept_until_the_guest_is_deleted(cloud, boot_with_tpm):
    guest, tpm = boot_with_tpm()
    found = device(guest)
    assert found.get("model") == "tpm-crb" and found.find("backend").get("version") == "2.0"
    (secret,) = secrets_of(cloud, guest)
    assert found.find("backend/encryption").get("secret") == secret
    assert node.secrets("vtpm") == []
    key = tpm.key()
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    assert tpm.key() == key
    guest.act("os-stop", None, "SHUTOFF")
    guest.act("os-start", None, "ACTIVE")
    assert tpm.key() == key
    guest.act("suspend", None, "SUSPENDED")
    guest.act("resume", None, "ACTIVE")
    assert tpm.key() == key
    guest.act("reboot", {"type": "SOFT"}, "ACTIVE")
    assert tpm.key() == key
    assert (STATES / guest.id / "tpm2").is_dir() and node.secrets("vtpm") == []
    guest.delete()
    check_gone(cloud, guest)


def test_an_administrator_starts_it(cloud, boot_with_tpm):
    """The service reads the passphrase for an administrator of another project."""
    guest, tpm = boot_with_tpm()
    key = tpm.key()
    cloud.admin.act(guest.id, "reboot", {"type": "HARD"})
    guest.wait_for("ACTIVE")
    assert tpm.key() == key


def test_an_administrator_gives_it_a_tpm(cloud, boot, door, reach):
    """An administrator of another project: the passphrase belongs to the service then."""
    network = {"networks": "auto", "security_groups": [{"name": door.name}]}
    guest = boot(flavorRef="it-no-tpm", key_name=guests.KEY, **network)
    tpm = Tpm(guest, reach(guest))
    cloud.admin.act(guest.id, "resize", {"flavorRef": "it-tpm-largest"})
    guest.wait_for("VERIFY_RESIZE", SECONDS)
    cloud.admin.act(guest.id, "confirmResize", expect=204)
    guest.wait_for("ACTIVE", SECONDS)
    key = tpm.key()
    assert secrets_of(cloud, guest) == [] and len(secrets_of_service(guest)) == 1
    guest.act("reboot", {"type": "HARD"}, "ACTIVE")
    assert tpm.key() == key
    cloud.user.delete(f"/servers/{guest.id}")
    cloud.admin.wait_gone(guest.id, SECONDS)
    assert secrets_of_service(guest) == []
    check_gone(cloud, guest)


def test_a_resize_and_its_revert(cloud, boot_with_tpm):
    guest, tpm = boot_with_tpm()
    key = tpm.key()
    for end, expect in (("revertResize", 202), ("confirmResize", 204)):
        cloud.user.act(guest.id, "resize", {"flavorRef": "it-tpm-larger"})
        guest.wait_for("VERIFY_RESIZE", SECONDS)
        assert tpm.key() == key
        cloud.user.act(guest.id, end, expect=expect)
        guest.wait_for("ACTIVE", SECONDS)
        assert tpm.key() == key
    cloud.user.act(guest.id, "resize", {"flavorRef": "it-no-tpm"})
    guest.wait_for("VERIFY_RESIZE", SECONDS)
    assert device(guest) is None and len(secrets_of(cloud, guest)) == 1
    cloud.user.act(guest.id, "confirmResize", expect=204)
    guest.wait_for("ACTIVE", SECONDS)
    check_gone(cloud, guest)


@pytest.fixture
def with_tpm(boot) -> Guest:
    return boot(flavorRef="it-tpm")


@pytest.mark.parametrize("step", ["Passphrases.ensure", "VirtualTpms._define"])
def test_the_host_dies_in_a_build(cloud, boot, instruments, step):
    """After it has made the passphrase, and while libvirt has it."""
    instruments.die_after(step)
    guest = boot(wait=None, flavorRef="it-tpm")
    instruments.wait_injected(step, DEATH_SECONDS)
    guest.wait_for("ACTIVE", SECONDS)
    assert device(guest) is not None and node.secrets("vtpm") == []
    cloud.user.delete(f"/servers/{guest.id}")
    cloud.admin.wait_gone(guest.id, SECONDS)
    assert secrets_of_service(guest) == []
    check_gone(cloud, guest)


def test_the_host_dies_in_a_delete(cloud, with_tpm, instruments):
    instruments.die_after("Passphrases.delete")
    cloud.user.delete(f"/servers/{with_tpm.id}")
    instruments.wait_injected("Passphrases.delete", DEATH_SECONDS)
    cloud.admin.wait_gone(with_tpm.id, SECONDS)
    check_gone(cloud, with_tpm)


def test_version_1(boot, door, reach):
    guest = boot(
        flavorRef="it-tpm-1",
        networks="auto",
        key_name=guests.KEY,
        security_groups=[{"name": door.name}],
    )
    assert device(guest).get("model") == "tpm-tis"
    assert guest.ssh(reach(guest), "cat /sys/class/tpm/tpm0/tpm_version_major").strip() == "1"
    assert (STATES / guest.id / "tpm1.2").is_dir()


def test_the_passphrase_is_nowhere(cloud, with_tpm):
    """In no log, no file of the instance, no definition, no record, and no process."""
    (secret,) = secrets_of(cloud, with_tpm)
    response = cloud.of_user.key_manager.get(
        f"/secrets/{secret}/payload", headers={"Accept": "application/octet-stream"}
    )
    assert response.status_code == 200, response.text
    passphrase = response.content.decode()
    files = [node.log(daemon) for daemon in node.DAEMONS]
    files += (node.INSTANCES / with_tpm.id).glob("*.xml")
    files += pathlib.Path("/var/log/swtpm").rglob("*.log")
    for path in files:
        assert passphrase not in path.read_text(errors="replace"), path
    for options in ((), ("--inactive", "--security-info")):
        assert passphrase not in node.run("virsh", "dumpxml", *options, with_tpm.id)
    assert passphrase not in node.run("ps", "-eo", "args")
    query = "SELECT * FROM instances WHERE uuid = :uuid"
    assert passphrase not in str(cloud.query(query, uuid=with_tpm.id))


def test_refused_operations(cloud, with_tpm):
    for client, action, arguments in (
        (cloud.user, "shelve", None),
        (cloud.user, "rescue", {}),
        (cloud.user, "rebuild", {"imageRef": cloud.image("mini-qcow2")}),
        (cloud.admin, "os-migrateLive", {"host": None, "block_migration": "auto"}),
    ):
        path = f"/servers/{with_tpm.id}/action"
        message = client.refusal(409, "POST", path, {action: arguments})
        assert "not supported for vTPM-enabled instance" in message


def test_another_guest_has_another_key(cloud, boot_with_tpm):
    (one, tpm), (other, other_tpm) = boot_with_tpm(), boot_with_tpm()
    assert tpm.key() != other_tpm.key()
    one.delete()
    until("its state is gone", lambda: not (STATES / one.id).exists(), 10)
    assert (STATES / other.id).exists() and len(secrets_of(cloud, other)) == 1
