"""Which NUMA topology a flavor and an image request, and which requests contradict themselves."""

import pytest

from nova_mini.numa.guest import GuestTopology
from nova_mini.numa.request import InvalidTopology, own_cpus, topology_of


def read(specs=None, image=None, vcpus=4, memory_mb=1024):
    return topology_of(specs or {}, image or {}, vcpus, memory_mb)


def cells(guest):
    return [(sorted(cell.cpus), cell.memory_mb) for cell in guest.cells]


@pytest.mark.parametrize(
    "specs", [{}, {"hw:cpu_policy": "shared"}, {"hw:emulator_threads_policy": "share"}]
)
def test_no_topology(specs):
    assert read(specs) is None


def test_equal_nodes():
    guest = read({"hw:numa_nodes": "2"})
    assert cells(guest) == [([0, 1], 512), ([2, 3], 512)]
    assert guest.own_cpus == 0
    assert guest.page_size is None


def test_an_image_requests_nodes():
    assert len(read(image={"hw_numa_nodes": "2"}).cells) == 2


def test_unequal_nodes():
    specs = {"hw:numa_nodes": "2", "hw:numa_cpus.0": "0,2-3", "hw:numa_cpus.1": "1"}
    specs |= {"hw:numa_mem.0": "768", "hw:numa_mem.1": "256"}
    assert cells(read(specs)) == [([0, 2, 3], 768), ([1], 256)]


def test_dedicated_cpus_make_one_node():
    guest = read({"hw:cpu_policy": "dedicated"})
    assert cells(guest) == [([0, 1, 2, 3], 1024)]
    assert guest.cells[0].dedicated == {0, 1, 2, 3}
    assert guest.own_cpus == 4
    assert own_cpus({"hw:cpu_policy": "dedicated"}, {}, 4) == (0, 4)


def test_an_image_requests_dedicated_cpus():
    assert read(image={"hw_cpu_policy": "dedicated"}).own_cpus == 4


@pytest.mark.parametrize(("mask", "dedicated"), [("1-2", {1, 2}), ("^0", {1, 2, 3})])
def test_mixed_cpus(mask, dedicated):
    guest = read({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": mask})
    assert guest.cells[0].dedicated == dedicated
    assert guest.cells[0].shared == {0, 1, 2, 3} - dedicated


def test_the_hypervisor_gets_a_cpu_of_its_own():
    specs = {"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate"}
    assert read(specs).own_cpus == 5
    assert own_cpus(specs, {}, 4) == (0, 5)


@pytest.mark.parametrize(
    ("text", "size"), [("small", "small"), ("2048", "2048"), ("2MB", "2048"), ("1GB", "1048576")]
)
def test_pages(text, size):
    guest = read({"hw:mem_page_size": text})
    assert guest.page_size == size
    assert len(guest.cells) == 1


def test_an_image_chooses_pages_where_its_flavor_lets_it():
    guest = read({"hw:mem_page_size": "any"}, {"hw_mem_page_size": "2MB"})
    assert guest.page_size == "2048"


def test_stored_and_read_again():
    specs = {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0", "hw:mem_page_size": "large"}
    guest = read(specs)
    assert GuestTopology.from_dict(guest.to_dict()) == guest


_TWO = {"hw:numa_nodes": "2"}
_FULL = {
    **_TWO,
    "hw:numa_cpus.0": "0-1",
    "hw:numa_cpus.1": "2-3",
    "hw:numa_mem.0": "512",
    "hw:numa_mem.1": "512",
}
_INVALID = [
    ({"hw:numa_nodes": "3"}, {}, "hw:numa_nodes"),
    ({"hw:numa_nodes": "0"}, {}, "hw:numa_nodes"),
    (_TWO, {"hw_numa_nodes": "2"}, "hw_numa_nodes"),
    ({"hw:numa_cpus.0": "0-3"}, {}, "hw:numa_cpus.0"),
    ({**_TWO, "hw:numa_cpus.0": "0-1"}, {}, "hw:numa_nodes"),
    ({**_FULL, "hw:numa_mem.2": "1"}, {}, "hw:numa_nodes"),
    ({**_FULL, "hw:numa_mem.1": "511"}, {}, "hw:numa_mem.0"),
    ({**_FULL, "hw:numa_cpus.1": "2-4"}, {}, "hw:numa_cpus.1"),
    ({**_FULL, "hw:numa_cpus.1": "1-3"}, {}, "hw:numa_cpus.1"),
    ({**_FULL, "hw:numa_cpus.1": "3"}, {}, "hw:numa_nodes"),
    (_FULL, {"hw_numa_cpus.0": "0-3"}, "hw_numa_cpus.0"),
    ({"hw:cpu_policy": "shared"}, {"hw_cpu_policy": "dedicated"}, "hw_cpu_policy"),
    ({"hw:cpu_policy": "mixed"}, {}, "hw:cpu_policy"),
    ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-3"}, {}, "hw:cpu_dedicated_mask"),
    ({"hw:cpu_policy": "dedicated", "hw:cpu_dedicated_mask": "0"}, {}, "hw:cpu_dedicated_mask"),
    ({"hw:cpu_thread_policy": "isolate"}, {}, "hw:cpu_thread_policy"),
    (
        {"hw:cpu_policy": "dedicated", "hw:cpu_thread_policy": "prefer"},
        {"hw_cpu_thread_policy": "require"},
        "hw_cpu_thread_policy",
    ),
    ({"hw:emulator_threads_policy": "isolate"}, {}, "hw:emulator_threads_policy"),
    ({}, {"hw_mem_page_size": "small"}, "hw_mem_page_size"),
    ({"hw:mem_page_size": "small"}, {"hw_mem_page_size": "large"}, "hw_mem_page_size"),
    ({"hw:mem_page_size": "0"}, {}, "hw:mem_page_size"),
]


@pytest.mark.parametrize(("specs", "image", "key"), _INVALID)
def test_invalid_requests(specs, image, key):
    with pytest.raises(InvalidTopology) as caught:
        read(specs, image)
    assert caught.value.key == key
    assert caught.value.is_of_image == key.startswith("hw_")
