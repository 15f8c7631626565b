"""The firmware of a host is found, and that of a guest is chosen from it."""

import json

import libvirt
import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.guest_options.option import GuestRequirements
from nova_mini.virt.libvirt import firmware, moved_files
from nova_mini.virt.libvirt.firmware import Firmware, GuestFirmware
from nova_mini.virt.libvirt.migration.definition import Destination, for_destination

ALL = Firmware(uefi=True, secure_boot=True, stateless=True)
UEFI = {"hw_firmware_type": "uefi"}
_OS = """
<domainCapabilities><os supported='yes'>
  <enum name='firmware'>{firmware}</enum>
  <loader supported='yes'><enum name='secure'>{secure}<value>no</value></enum></loader>
</os></domainCapabilities>"""


class Connection:
    """A libvirt with these capabilities for domains."""

    def __init__(self, xml: str | None, is_alive: bool = True):
        self._xml = xml
        self._is_alive = is_alive
        self.machine: str | None = None

    def getDomainCapabilities(self, _emulator, _arch, machine, _virt_type):  # noqa: N802
        self.machine = machine
        if self._xml is None:
            raise libvirt.libvirtError("no such function")
        return self._xml

    def isAlive(self):  # noqa: N802
        return self._is_alive


def connection(efi=True, secure=True) -> Connection:
    values = {
        "firmware": "<value>efi</value>" if efi else "",
        "secure": "<value>yes</value>" if secure else "",
    }
    return Connection(_OS.format(**values))


@pytest.fixture(autouse=True)
def descriptors(monkeypatch, tmp_path):
    """Two empty folders with descriptors, the first hides files of the second."""
    folders = (tmp_path / "etc", tmp_path / "usr")
    for folder in folders:
        folder.mkdir()
    monkeypatch.setattr(firmware, "DESCRIPTORS", (*folders, tmp_path / "missing"))
    return folders


def stateless(arch="x86_64") -> str:
    return json.dumps(
        {
            "interface-types": ["uefi"],
            "mapping": {"device": "flash", "mode": "stateless"},
            "targets": [{"architecture": arch, "machines": ["pc-q35-*"]}],
        }
    )


@pytest.mark.parametrize(
    ("conn", "expected"),
    [
        (connection(), Firmware(uefi=True, secure_boot=True)),
        (connection(secure=False), Firmware(uefi=True)),
        (connection(efi=False), Firmware()),
        (Connection("<domainCapabilities/>"), Firmware()),
    ],
)
def test_the_firmware_of_a_host(conn, expected):
    assert firmware.of_host(conn, "x86_64", "kvm") == expected
    assert conn.machine == "q35"


def test_a_libvirt_that_does_not_know_it_is_logged(caplog):
    assert firmware.of_host(Connection(None), "x86_64", "kvm") == Firmware()
    assert "no such function" in caplog.text
    with pytest.raises(libvirt.libvirtError):
        firmware.of_host(Connection(None, is_alive=False), "x86_64", "kvm")


def test_firmware_without_state_is_found_in_its_descriptor(descriptors, caplog):
    etc, usr = descriptors

    def is_found() -> bool:
        return firmware.of_host(connection(), "x86_64", "kvm").stateless

    (usr / "10.json").write_text(stateless("aarch64"))
    (usr / "20.json").write_text("not JSON")
    (usr / "30.json").write_text("[]")
    assert not is_found()
    assert "20.json" in caplog.text
    (usr / "40.json").write_text(stateless())
    assert is_found()
    (etc / "40.json").write_text("")
    assert not is_found()


def chosen(properties, extra_specs=None, host=ALL, machine="q35"):
    requested = GuestRequirements(extra_specs or {}, {**UEFI, **properties})
    return firmware.for_guest(requested, host, "x86_64", machine)


PLAIN, SECURE = GuestFirmware(False, "nvram.fd"), GuestFirmware(True, "nvram.secure.fd")


@pytest.mark.parametrize(
    ("properties", "extra_specs", "expected"),
    [
        ({}, {}, PLAIN),
        ({"os_secure_boot": "disabled"}, {}, PLAIN),
        ({"os_secure_boot": "optional"}, {}, SECURE),
        ({"os_secure_boot": "optional"}, {"os:secure_boot": "disabled"}, PLAIN),
        ({"os_secure_boot": "required"}, {}, SECURE),
        ({}, {"os:secure_boot": "required"}, SECURE),
        ({"hw_firmware_stateless": "true"}, {}, GuestFirmware(False, None)),
        ({"hw_firmware_type": "bios"}, {}, None),
        ({}, {"hw:firmware_type": "bios"}, None),
    ],
)
def test_the_firmware_of_a_guest(properties, extra_specs, expected):
    assert chosen(properties, extra_specs) == expected


@pytest.mark.parametrize(
    ("host", "machine"), [(Firmware(uefi=True), "q35"), (ALL, "pc"), (ALL, None)]
)
def test_optional_secure_boot_is_left_out_where_it_cannot_be(host, machine):
    assert chosen({"os_secure_boot": "optional"}, host=host, machine=machine) == PLAIN


@pytest.mark.parametrize(
    ("properties", "host", "machine", "cause"),
    [
        ({}, Firmware(), "q35", "no UEFI"),
        ({"os_secure_boot": "required"}, Firmware(uefi=True), "q35", "secure boot"),
        ({"os_secure_boot": "required"}, ALL, "pc", "machine type q35"),
        ({"hw_firmware_stateless": "yes"}, Firmware(uefi=True), "q35", "without state"),
    ],
)
def test_another_host_may_have_what_this_one_lacks(properties, host, machine, cause):
    with pytest.raises(exception.HypervisorError, match=cause):
        chosen(properties, host=host, machine=machine)


def test_a_move_takes_the_variables_along():
    for name in (firmware.NVRAM, firmware.SECURE_NVRAM):
        assert moved_files.MovedFile(name, "raw", 1, 1, "0" * 64).name == name
    with pytest.raises(ValueError):
        moved_files.MovedFile("nvram.other.fd", "raw", 1, 1, "0" * 64)


def test_a_live_migration_changes_the_path_of_the_variables():
    xml = "<domain><os><nvram>/old/u/nvram.fd</nvram></os><devices/></domain>"
    found = for_destination(xml, "/old/u", Destination("", "", "/new/u", {}, {}))
    assert etree.fromstring(found).findtext("os/nvram") == "/new/u/nvram.fd"
