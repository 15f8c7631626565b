"""Where guests fit on the NUMA nodes of a host."""

import random

import pytest

from nova_mini.numa import cpu_sets
from nova_mini.numa.fit import Ratios, place
from nova_mini.numa.host import HostCell, HostTopology, HugePages, parse
from nova_mini.numa.request import topology_of

_ONE = Ratios()


def host(nodes=2, cpus=4, threads=1, memory_mb=1024, pages=(), **sets):
    cells = []
    for number in range(nodes):
        numbers = range(number * cpus, (number + 1) * cpus)
        cores = [frozenset(numbers[i : i + threads]) for i in range(0, cpus, threads)]
        cells.append(
            HostCell(
                number,
                memory_mb,
                frozenset(numbers),
                cores=tuple(cores) if threads > 1 else (),
                huge_pages=tuple(HugePages(*each) for each in pages),
            )
        )
    return HostTopology(tuple(cells)).with_cpu_sets(sets.get("shared"), sets.get("dedicated"))


def guest(vcpus=2, memory_mb=512, **specs):
    found = topology_of({f"hw:{k}": v for k, v in specs.items()}, {}, vcpus, memory_mb)
    assert found is not None
    return found


def pins(placed):
    return {vcpu: cpu for cell in placed.cells for vcpu, cpu in cell.pins}


def fill(on, wanted, ratios=_ONE):
    """How many of the guests fit beside each other."""
    count = 0
    while (placed := place(wanted, on, ratios)) is not None:
        on, count = on.with_guests([placed]), count + 1
        assert count < 100
    return count


def test_each_node_of_a_guest_has_a_node_of_the_host():
    placed = place(guest(4, 1024, numa_nodes="2"), host(), Ratios())
    assert sorted(cell.host_cell for cell in placed.cells) == [0, 1]
    assert place(guest(3, 768, numa_nodes="3"), host(), Ratios()) is None


def test_a_node_of_a_guest_fits_into_one_node_of_the_host():
    assert place(guest(5, 512, numa_nodes="1"), host(), Ratios(16.0, 2.0)) is None
    assert place(guest(2, 1025, numa_nodes="1"), host(), Ratios(16.0, 2.0)) is None


@pytest.mark.parametrize(("ratios", "count"), [((1.0, 1.0), 4), ((2.0, 1.0), 4), ((2.0, 2.0), 8)])
def test_ratios(ratios, count):
    assert fill(host(), guest(2, 512, numa_nodes="1"), Ratios(*ratios)) == count


def test_a_large_node_takes_the_only_place_that_is_left():
    """The first node fits everywhere, and must leave room for the second."""
    used = place(guest(1, 600, numa_nodes="1"), host(), Ratios())
    specs = {"numa_nodes": "2", "numa_cpus.0": "0", "numa_cpus.1": "1"}
    specs |= {"numa_mem.0": "400", "numa_mem.1": "1000"}
    unequal = guest(2, 1400, **specs)
    placed = place(unequal, host().with_guests([used]), Ratios())
    assert [cell.host_cell for cell in placed.cells] == [used.cells[0].host_cell, 1]


def test_dedicated_cpus_belong_to_one_guest():
    on = host(shared="0,4", dedicated="1-3,5-7")
    wanted = guest(3, 16, cpu_policy="dedicated")
    first = place(wanted, on, Ratios(16.0))
    second = place(wanted, on.with_guests([first]), Ratios(16.0))
    assert {*pins(first).values()} | {*pins(second).values()} == {1, 2, 3, 5, 6, 7}
    assert place(wanted, on.with_guests([first, second]), Ratios(16.0)) is None


def test_a_host_without_dedicated_cpus():
    assert place(guest(1, 16, cpu_policy="dedicated"), host(), Ratios()) is None
    assert place(guest(1, 16, numa_nodes="1"), host(dedicated="0-7"), Ratios()) is None


def test_mixed_cpus():
    on = host(nodes=1, shared="0", dedicated="1-3")
    wanted = guest(3, 16, cpu_policy="mixed", cpu_dedicated_mask="^0")
    assert pins(place(wanted, on, Ratios())) == {1: 1, 2: 2}


def test_a_cpu_for_the_hypervisor():
    on = host(nodes=1, dedicated="0-3")
    specs = {"cpu_policy": "dedicated", "emulator_threads_policy": "isolate"}
    placed = place(guest(3, 16, **specs), on, Ratios())
    assert placed.cells[0].emulator_cpu == 3
    assert on.with_guests([placed]).cells[0].free_cpus == set()
    assert place(guest(4, 16, **specs), on, Ratios()) is None


@pytest.mark.parametrize(
    ("policy", "threads", "count"),
    [("isolate", 1, 4), ("isolate", 2, 0), ("require", 1, 0), ("require", 2, 4), ("prefer", 2, 4)],
)
def test_policies_of_threads(policy, threads, count):
    on = host(threads=threads, dedicated="0-7")
    wanted = guest(2, 16, cpu_policy="dedicated", cpu_thread_policy=policy)
    assert fill(on, wanted) == count


def test_threads_of_one_core_stay_together():
    on = host(nodes=1, threads=2, dedicated="0-3")
    one = place(guest(1, 16, cpu_policy="dedicated"), on, Ratios())
    two = guest(2, 16, cpu_policy="dedicated", cpu_thread_policy="require")
    cpus = set(pins(place(two, on.with_guests([one]), Ratios())).values())
    assert cpus in ({0, 1}, {2, 3})
    assert not cpus & set(pins(one).values())
    assert (
        place(guest(3, 16, cpu_policy="dedicated", cpu_thread_policy="require"), on, Ratios())
        is None
    )


@pytest.mark.parametrize(
    ("size", "page_kb"),
    [
        ("small", 4),
        ("large", 1048576),
        ("any", 1048576),
        ("2048", 2048),
        ("4", 4),
        ("1GB", 1048576),
    ],
)
def test_sizes_of_pages(size, page_kb):
    on = host(nodes=1, memory_mb=4096, pages=[(2048, 512), (1048576, 1)])
    placed = place(guest(1, 1024, mem_page_size=size), on, Ratios())
    assert placed.cells[0].page_kb == page_kb


def test_huge_pages_are_used_up():
    on = host(nodes=1, pages=[(2048, 512)])
    assert fill(on, guest(1, 512, mem_page_size="large"), Ratios(16.0)) == 2
    assert fill(on, guest(1, 512, mem_page_size="any"), Ratios(16.0)) == 4
    assert fill(on, guest(1, 512, mem_page_size="8MB")) == 0


def test_memory_must_be_whole_pages():
    on = host(nodes=1, pages=[(2048, 512)])
    assert place(guest(1, 511, mem_page_size="large"), on, Ratios()) is None


def test_pages_that_are_named_are_never_overcommitted():
    on = host(nodes=1)
    assert fill(on, guest(1, 512, mem_page_size="small"), Ratios(16.0, 4.0)) == 2


@pytest.mark.parametrize(
    ("shared", "dedicated"), [("0-1", "1-2"), ("0-99", None), (None, "99"), ("x", None)]
)
def test_wrong_sets_of_cpus(shared, dedicated):
    with pytest.raises(ValueError, match=r"CPU"):
        host(shared=shared, dedicated=dedicated)


def test_a_host_as_json():
    on = host(threads=2, pages=[(2048, 512)], shared="0-1", dedicated="2-7")
    on = on.with_guests([place(guest(2, 64, cpu_policy="dedicated"), on, Ratios())])
    assert parse(on.to_json()) == on


def test_cpus_of_guests_never_overlap():
    """Random guests come and go; what is placed is always free, and stays in its sets."""
    chance = random.Random(14)
    on = host(
        nodes=2,
        cpus=8,
        threads=2,
        memory_mb=4096,
        pages=[(2048, 256)],
        shared="0-1,8-9",
        dedicated="2-7,10-15",
    )
    here = []
    placed_count = 0
    for _ in range(400):
        if here and chance.random() < 0.4:
            here.pop(chance.randrange(len(here)))
            continue
        nodes = chance.choice(["1", "2"])
        vcpus = int(nodes) * chance.randint(1, 4)
        specs = {"numa_nodes": nodes, "cpu_policy": chance.choice(["dedicated", "shared"])}
        if chance.random() < 0.5:
            specs["mem_page_size"] = chance.choice(["large", "any", "small"])
        placed = place(guest(vcpus, 64 * int(nodes), **specs), on.with_guests(here), Ratios(4.0))
        if placed is None:
            continue
        here.append(placed)
        placed_count += 1
        taken = [cpu for each in here for cell in each.cells for _vcpu, cpu in cell.pins]
        assert len(taken) == len(set(taken))
        assert set(taken) <= on.dedicated
        for cell in on.with_guests(here).cells:
            assert all(pages.free >= 0 for pages in cell.huge_pages)
            assert cell.vcpus_used <= 4 * len(cell.shared)
            assert cell.memory_used_mb <= cell.memory_mb
    assert placed_count > 50


def test_text_of_cpus():
    assert cpu_sets.parse("0-3, ^2,7") == {0, 1, 3, 7}
    assert cpu_sets.to_text({7, 0, 1, 3}) == "0-1,3,7"
    for wrong in ("a", "3-1", "1-", "-1", "0-99999999"):
        with pytest.raises(ValueError, match="CPU"):
            cpu_sets.parse(wrong)
