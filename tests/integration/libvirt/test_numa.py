"""NUMA nodes, dedicated CPUs and huge pages of a real guest, seen by libvirt, by the kernel of the
host and by that of the guest. The host needs two CPUs."""

from __future__ import annotations

import os
import pathlib

import pytest

from nova_mini.conf import CONF
from nova_mini.numa import cpu_sets
from nova_mini.numa.fit import Ratios, place
from nova_mini.numa.request import topology_of
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from tests import servers
from tests.integration.libvirt import cloud

pytestmark = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="the host has one CPU")

_HUGE_PAGES = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB")
_PAGES = 96  # of 2 MiB: those of a guest of 192 MiB


@pytest.fixture
def restricted(driver):
    """Guests share CPU 0; CPU 1 belongs to one of them."""
    CONF.set_override("cpu_shared_set", "0", "compute")
    CONF.set_override("cpu_dedicated_set", "1", "compute")
    yield driver
    CONF.clear_override("cpu_shared_set", "compute")
    CONF.clear_override("cpu_dedicated_set", "compute")


def boot(driver, vcpus: int = 1, **specs: str):
    """A server that is placed as its host would place it."""
    extra_specs = {f"hw:{name}": value for name, value in specs.items()}
    flavor = servers.make_flavor(memory_mb=192, vcpus=vcpus, extra_specs=extra_specs)
    guest = topology_of(extra_specs, {}, vcpus, 192)
    host = driver.get_available_resource().numa
    placed = place(guest, host, Ratios(4.0)) if guest else None
    assert placed or not guest, f"no place on {host}"
    instance = servers.make_instance(
        flavor,
        kernel_id=cloud.KERNEL,
        ramdisk_id=cloud.RAMDISK,
        numa_topology=placed.to_dict() if placed else None,
    )
    image_meta = ImageMeta.from_instance(instance)
    driver.spawn(None, instance, image_meta, [], None, NetworkInfo(()), None)
    return instance


def allowed_cpus(driver, instance) -> dict[str, frozenset[int]]:
    """Name of each thread of the guest's process -> CPUs on which the kernel runs it."""
    found = {}
    for task in pathlib.Path(f"/proc/{pid(driver, instance)}/task").iterdir():
        lines = dict(line.split(":", 1) for line in (task / "status").read_text().splitlines())
        found[lines["Name"].strip()] = cpu_sets.parse(lines["Cpus_allowed_list"].strip())
    return found


def pid(driver, instance) -> int:
    name = driver._host.get_guest(instance)._domain.name()
    return next(
        int(process.name)
        for process in pathlib.Path("/proc").iterdir()
        if process.name.isdecimal() and f"guest={name}," in _command_line(process)
    )


def _command_line(process: pathlib.Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:  # it has ended
        return ""


def vcpu_threads(driver, instance) -> list[frozenset[int]]:
    threads = allowed_cpus(driver, instance)
    return [threads[name] for name in sorted(threads) if name.startswith("CPU ")]


def test_a_dedicated_cpu(restricted, console):
    """The kernel runs the vCPU on this CPU only, also after a hard reboot."""
    instance = boot(restricted, cpu_policy="dedicated")
    console(instance, "GUEST: ready")
    assert vcpu_threads(restricted, instance) == [{1}]
    restricted.reboot(None, instance, NetworkInfo(()), "HARD")
    assert vcpu_threads(restricted, instance) == [{1}]


def test_mixed_cpus(restricted, console):
    instance = boot(restricted, 2, cpu_policy="mixed", cpu_dedicated_mask="1")
    console(instance, "GUEST: ready")
    assert vcpu_threads(restricted, instance) == [{0}, {1}]


def test_emulator_threads_on_shared_cpus(restricted):
    specs = {"cpu_policy": "dedicated", "emulator_threads_policy": "share"}
    threads = allowed_cpus(restricted, boot(restricted, **specs))
    others = {cpus for name, cpus in threads.items() if not name.startswith("CPU ")}
    assert others == {frozenset({0})}


def test_a_guest_without_nodes_keeps_off_dedicated_cpus(restricted):
    instance = boot(restricted)
    assert vcpu_threads(restricted, instance) == [{0}]


def test_nodes_of_a_guest(driver, console):
    instance = boot(driver, 2, numa_nodes="1")
    output = console(instance, "GUEST: ready")
    assert output
    assert vcpu_threads(driver, instance) == [{0, 1}] * 2


@pytest.fixture
def huge_pages():
    """Reserve pages of the host while the test runs."""
    if " hugetlbfs " not in pathlib.Path("/proc/mounts").read_text():
        pytest.skip("the host has no file system of huge pages (hugetlbfs)")
    count = _HUGE_PAGES / "nr_hugepages"
    before = count.read_text()
    try:
        count.write_text(str(int(before) + _PAGES))
    except OSError as exc:
        pytest.skip(f"the pages of the host cannot be changed here: {exc}")
    if int(count.read_text()) < _PAGES:
        count.write_text(before)
        pytest.skip("the host has no free memory for huge pages")
    yield
    count.write_text(before)


def test_huge_pages(huge_pages, driver, console):
    instance = boot(driver, mem_page_size="large")
    assert instance.numa.cells[0].page_kb == 2048
    console(instance, "GUEST: ready")
    free = int((_HUGE_PAGES / "free_hugepages").read_text())
    assert free == int((_HUGE_PAGES / "nr_hugepages").read_text()) - _PAGES
