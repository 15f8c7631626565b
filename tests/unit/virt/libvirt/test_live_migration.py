"""Live migration with libvirt: checks, the definition at the destination, and the pace."""

from __future__ import annotations

import dataclasses
import json
import types

import libvirt
import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.guest import Guest, MigrationJob
from nova_mini.virt.libvirt.migration import checks, live
from nova_mini.virt.libvirt.migration.checks import Facts
from nova_mini.virt.libvirt.migration.copy_targets import Copies
from nova_mini.virt.libvirt.migration.definition import Destination, for_destination
from nova_mini.virt.libvirt.migration.job import LiveMigrationJob
from nova_mini.virt.libvirt.migration.local_disks import LocalDisks, LocalFile
from nova_mini.virt.libvirt.migration.pace import Pace
from nova_mini.virt.live_migration import GuestPlace

DISK = LocalFile("disk", "vda", size=1 << 30, data=1 << 20, image_size=None, has_own_base=False)
SOURCE = Facts(
    arch="x86_64",
    virt_type="kvm",
    machine="pc-q35-7.2",
    emulator_version=7_002_000,
    cpu="<cpu><model>Nehalem</model></cpu>",
    disks=LocalDisks(
        names=["disk"],
        pool=None,
        files=[DISK],
        folder="/src/uuid",
        mark="00",
        config_drive=None,
        address="192.0.2.1",
    ),
)


class Host:
    """The destination. ``cpu``: what libvirt answers to a comparison."""

    capabilities = types.SimpleNamespace(arch="x86_64", machines=frozenset({"pc-q35-7.2"}))
    version = 7_002_000
    cpu = libvirt.VIR_CPU_COMPARE_SUPERSET

    def get_version(self) -> int:
        return self.version

    def compare_cpu(self, arch, machine, virt_type, cpu) -> int:
        assert (arch, machine, virt_type, cpu) == ("x86_64", "pc-q35-7.2", "kvm", SOURCE.cpu)
        return self.cpu


def refusal(host=None, **facts) -> str:
    with pytest.raises(exception.MigrationPreCheckError) as caught:
        checks.check(host or Host(), dataclasses.replace(SOURCE, **facts))
    return str(caught.value)


def test_a_guest_is_accepted_and_its_facts_are_stored():
    checks.check(Host(), SOURCE)
    stored = json.loads(json.dumps(dataclasses.asdict(SOURCE)))
    assert Facts.from_dict(stored) == SOURCE


def test_a_weaker_cpu_is_refused():
    host = Host()
    host.cpu = libvirt.VIR_CPU_COMPARE_INCOMPATIBLE
    assert "CPU" in refusal(host)


def test_an_older_hypervisor_and_other_machines_are_refused():
    host = Host()
    host.version = 7_001_000
    assert "older" in refusal(host)
    assert "machine type" in refusal(machine="pc-q35-9.0")
    assert "aarch64" in refusal(arch="aarch64")
    assert "qemu" in refusal(virt_type="qemu")


# -- the definition ------------------------------------------------------------------------------

XML = """<domain type='kvm'><os><type>hvm</type><kernel>/src/uuid/kernel</kernel></os><devices>
<disk type='network' device='disk'><driver name='qemu' type='raw' cache='none'/>
<source protocol='rbd' name='vms/uuid_disk' index='1'><host name='192.0.2.1' port='6789'/></source>
<backingStore/><target dev='vda' bus='virtio'/><alias name='virtio-disk0'/>
<address type='pci' slot='0x04'/></disk>
<disk type='block' device='disk'><driver name='qemu' type='raw'/><source dev='/dev/sdx'/>
<target dev='vdb' bus='virtio'/><serial>volume</serial></disk>
<interface type='bridge'><mac address='fa:16:3e:00:00:01'/><source bridge='br-int'/>
<virtualport type='openvswitch'><parameters interfaceid='port'/></virtualport>
<target dev='tap1'/><model type='virtio'/><address type='pci' slot='0x03'/></interface>
<serial type='pty'><log file='/src/uuid/console.log' append='on'/></serial>
<graphics type='vnc' port='5900' listen='192.0.2.1'><listen type='address' address='192.0.2.1'/>
</graphics></devices></domain>"""

DESTINATION = Destination(
    uri="qemu+ssh://192.0.2.2/system",
    address="tcp://192.0.2.2",
    folder="/dst/uuid",
    disks={
        "vda": "<disk type='network'><driver name='qemu' type='raw' cache='none'/>"
        "<source protocol='rbd' name='vms/uuid_disk'><host name='192.0.2.9' port='6789'/></source>"
        "</disk>",
        "vdb": "<disk type='block'><driver name='qemu' type='raw' cache='none'/>"
        "<source dev='/dev/sdy'/></disk>",
    },
    interfaces={
        "fa:16:3e:00:00:01": "<interface type='bridge'><source bridge='qbr1'/>"
        "<target dev='tap1'/></interface>"
    },
    graphics_listen="192.0.2.2",
)


@pytest.fixture
def moved() -> etree._Element:
    return etree.fromstring(for_destination(XML, "/src/uuid", DESTINATION))


def test_disks_have_the_sources_of_the_destination(moved):
    first, second = moved.findall("devices/disk")
    assert first.find("source/host").get("name") == "192.0.2.9"
    assert second.find("source").get("dev") == "/dev/sdy"
    assert len(first.findall("source")) == 1 and first.find("backingStore") is None
    assert second.find("driver").get("cache") == "none"


def test_all_that_the_guest_sees_stays(moved):
    first, second = moved.findall("devices/disk")
    assert first.find("address").get("slot") == "0x04"
    assert (second.find("target").get("dev"), second.findtext("serial")) == ("vdb", "volume")
    interface = moved.find("devices/interface")
    assert interface.find("address").get("slot") == "0x03"
    assert interface.find("mac").get("address") == "fa:16:3e:00:00:01"


def test_interfaces_graphics_and_files_are_those_of_the_destination(moved):
    interface = moved.find("devices/interface")
    assert interface.find("source").get("bridge") == "qbr1"
    assert interface.find("virtualport") is None
    graphics = moved.find("devices/graphics")
    assert graphics.get("listen") == graphics.find("listen").get("address") == "192.0.2.2"
    assert moved.find("devices/serial/log").get("file") == "/dst/uuid/console.log"
    assert moved.findtext("os/kernel") == "/dst/uuid/kernel"


# -- addresses and pace --------------------------------------------------------------------------


@pytest.fixture
def options():
    """``options(name=value)`` sets options of [libvirt]."""
    names = []

    def override(**values) -> None:
        for name, value in values.items():
            names.append(name)
            CONF.set_override(name, value, group="libvirt")

    yield override
    for name in names:
        CONF.clear_override(name, group="libvirt")


@pytest.mark.parametrize(
    ("values", "uri"),
    [
        ({}, "qemu+ssh://192.0.2.2/system"),
        ({"live_migration_scheme": "tls"}, "qemu+tls://192.0.2.2/system"),
        ({"live_migration_uri": "qemu+tcp://%s:99/system"}, "qemu+tcp://192.0.2.2:99/system"),
    ],
)
def test_the_uri_of_the_destination(options, values, uri):
    options(**values)
    assert live._uri("192.0.2.2") == uri


def test_the_downtime_grows_in_steps_up_to_the_permitted_one(options):
    options(live_migration_downtime=500, live_migration_downtime_steps=10)
    options(live_migration_downtime_delay=10)
    pace = Pace.of(memory_mb=512)  # counts as 2 GiB: a step is 20 seconds
    found = [pace.downtime_after(seconds) for seconds in range(0, 400, 20)]
    assert found[0] == 50 and found[10] == 500 and found[19] == 500
    assert found[:11] == sorted(set(found[:11]))
    assert pace.downtime_after(19.9) == 50


def test_the_timeout_grows_with_the_guest(options):
    options(live_migration_completion_timeout=800)
    assert Pace.of(memory_mb=64).timeout == 1600
    assert Pace.of(memory_mb=8192).timeout == 6400
    options(live_migration_completion_timeout=0)
    assert Pace.of(memory_mb=8192).timeout is None


# -- where the guest is --------------------------------------------------------------------------


def error(code: int) -> libvirt.libvirtError:
    failed = libvirt.libvirtError("")
    failed.err = (code, 0, "", 0, "", "", "", 0, 0)
    return failed


OUT, IN = (
    libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_OUT,
    libvirt.VIR_DOMAIN_JOB_OPERATION_MIGRATION_IN,
)
RUNNING = (libvirt.VIR_DOMAIN_RUNNING, 0)


class Domain:
    """A domain of libvirt with this job (or an error code of libvirt) and state. ``speed``: of its
    migrations, in MiB per second."""

    speed = 1

    def __init__(self, job: dict | int, state=RUNNING, active=True):
        self._job, self._state, self._active = job, state, active

    def UUIDString(self) -> str:  # noqa: N802
        return "uuid"

    def isActive(self) -> bool:  # noqa: N802
        if self._active is None:
            raise error(libvirt.VIR_ERR_NO_DOMAIN)
        return self._active

    def jobStats(self) -> dict:  # noqa: N802
        if isinstance(self._job, int):
            raise error(self._job)
        return self._job

    def state(self) -> tuple[int, int]:
        return self._state

    def migrateGetMaxSpeed(self, flags: int) -> int:  # noqa: N802
        return self.speed

    def migrateSetMaxSpeed(self, speed: int, flags: int) -> None:  # noqa: N802
        self.speed = speed


def job(kind: int, operation: int) -> dict:
    return {"type": kind, "operation": operation, "memory_total": 8, "memory_remaining": 2}


def paused(reason: int) -> tuple[int, int]:
    return libvirt.VIR_DOMAIN_PAUSED, reason


@pytest.mark.parametrize(
    ("domain", "place"),
    [
        (None, GuestPlace.ABSENT),
        (Domain({"type": 0}, active=None), GuestPlace.ABSENT),  # it left after it was found
        (Domain({"type": 0}, active=False), GuestPlace.OFF),
        (Domain({"type": 0}), GuestPlace.ACTIVE),
        (Domain(job(2, OUT)), GuestPlace.ACTIVE),
        (Domain(job(2, OUT), paused(libvirt.VIR_DOMAIN_PAUSED_MIGRATION)), GuestPlace.ACTIVE),
        (Domain(libvirt.VIR_ERR_OPERATION_UNSUPPORTED), GuestPlace.INCOMING),
        (Domain(job(2, IN)), GuestPlace.INCOMING),
        (Domain({"type": 0}, paused(libvirt.VIR_DOMAIN_PAUSED_USER)), GuestPlace.ACTIVE),
        (Domain({"type": 0}, paused(libvirt.VIR_DOMAIN_PAUSED_MIGRATION)), GuestPlace.OFF),
        (Domain({"type": 0}, paused(libvirt.VIR_DOMAIN_PAUSED_POSTCOPY_FAILED)), GuestPlace.OFF),
    ],
)
def test_the_place_of_a_guest(domain, place):
    host = types.SimpleNamespace(find_guest=lambda _: domain and Guest(domain))
    assert live.find_place(host, None) is place


@pytest.mark.parametrize(("speed", "later"), [(1, (1 << 43) - 1), (7, 7)])
def test_a_migration_that_failed_leaves_no_limit_for_later_ones(speed, later):
    domain = Domain({"type": 0})
    domain.speed = speed
    host = types.SimpleNamespace(find_guest=lambda _: Guest(domain))
    assert live.roll_back(host, None) is GuestPlace.ACTIVE
    assert domain.speed == later


def test_the_progress_of_a_job():
    found = Guest(Domain(job(2, OUT))).get_migration_job()
    assert found.progress() == {"memory_total": 8, "memory_remaining": 2}
    assert Guest(Domain(job(0, OUT))).get_migration_job() is None


# -- what libvirt is asked for -------------------------------------------------------------------


class Source:
    """A guest that another libvirt takes at once; ``asked``: what it was asked for."""

    def get_definition(self, migratable: bool = False, persistent: bool = False) -> str:
        return XML

    def migrate(self, uri: str, parameters: dict, flags: int) -> None:
        self.asked = (uri, parameters, flags)


def asked_for(copies: Copies) -> tuple[dict, int]:
    guest, destination = Source(), dataclasses.replace(DESTINATION, copies=copies)
    stored = json.loads(json.dumps(destination.to_dict()))
    live._migrate(guest, "/src/uuid", Destination.from_dict(stored))
    uri, parameters, flags = guest.asked
    assert uri == DESTINATION.uri
    return parameters, flags


COPY_FLAGS = libvirt.VIR_MIGRATE_NON_SHARED_INC | libvirt.VIR_MIGRATE_NON_SHARED_DISK


@pytest.mark.parametrize(
    ("is_whole", "flag"),
    [(False, libvirt.VIR_MIGRATE_NON_SHARED_INC), (True, libvirt.VIR_MIGRATE_NON_SHARED_DISK)],
)
def test_only_local_disks_are_copied(is_whole, flag):
    parameters, flags = asked_for(Copies(["vda"], is_whole=is_whole))
    assert parameters[libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS] == ["vda"]
    assert flags & COPY_FLAGS == flag


def test_no_disk_is_copied_from_shared_storage():
    parameters, flags = asked_for(Copies())
    assert libvirt.VIR_MIGRATE_PARAM_MIGRATE_DISKS not in parameters
    assert parameters[libvirt.VIR_MIGRATE_PARAM_BANDWIDTH] == 1  # until the ports are wired
    assert not flags & COPY_FLAGS


@pytest.mark.parametrize("is_set", [True, False])
def test_native_tls(options, is_set):
    options(live_migration_with_native_tls=is_set)
    _, flags = asked_for(Copies(["vda"]))
    assert bool(flags & libvirt.VIR_MIGRATE_TLS) is is_set


class Moving:
    """A guest that moves with a speed in MiB per second."""

    uuid = "uuid"

    def __init__(self, speed: int):
        self.speed = speed

    def replace_migration_speed(self, old: int, new: int) -> None:
        if self.speed == old:
            self.speed = new

    def set_migration_downtime(self, milliseconds: int) -> None:
        pass


class Wiring:
    """``is_done``: whether the ports are wired."""

    is_done = False

    def may_hurry(self) -> bool:
        return self.is_done

    def report(self, **progress: int) -> None:
        pass


@pytest.mark.parametrize(
    ("begins", "option", "ends"), [(1, 0, (1 << 43) - 1), (1, 300, 300), (7, 300, 7)]
)
def test_a_guest_moves_slowly_until_its_ports_are_wired(options, begins, option, ends):
    options(live_migration_bandwidth=option)
    guest, watch = Moving(begins), Wiring()
    job = LiveMigrationJob(guest, Pace.of(64), watch, None, None)
    begun, prepared = MigrationJob({"memory_processed": 8}), MigrationJob({"memory_processed": 0})
    job._steer(begun, 0)
    assert guest.speed == begins
    watch.is_done = True
    job._steer(prepared, 1)
    assert guest.speed == begins
    job._steer(begun, 2)
    assert guest.speed == ends


# -- completed by force --------------------------------------------------------------------------


class Forced:
    """A guest; ``done``: what was done to it."""

    uuid = "uuid"

    def __init__(self):
        self.done: list[str] = []

    def pause(self) -> None:
        self.done.append("pause")

    def start_post_copy(self) -> None:
        self.done.append("post-copy")


@pytest.mark.parametrize(
    ("post_copy", "memory_processed", "done"),
    [(False, 0, ["pause"]), (False, 8, ["pause"]), (True, 0, []), (True, 8, ["post-copy"])],
)
def test_post_copy_waits_until_the_disks_are_copied(options, post_copy, memory_processed, done):
    options(live_migration_permit_post_copy=post_copy)
    guest = Forced()
    job = LiveMigrationJob(guest, Pace.of(64), None, None, None)
    for _ in range(2):
        job._force_complete(MigrationJob({"memory_processed": memory_processed}))
    assert guest.done == done
