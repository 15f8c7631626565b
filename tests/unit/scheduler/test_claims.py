"""After any claims and releases, the ledger is the sum of the allocations and within the limits."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_db import exception as db_exc

from nova_mini.db import allocations, compute_nodes, hypervisors, models, query
from nova_mini.db.allocations import Claim
from tests.unit.scheduler import cloud

SIZES = {
    "small": {"vcpus": 1, "memory_mb": 1024, "local_gb": 0},
    "large": {"vcpus": 3, "memory_mb": 4096, "local_gb": 40},
}
_claims = st.lists(
    st.tuples(
        st.sampled_from("abcdefghij"),
        st.sampled_from(["h1", "h2"]),
        st.sampled_from(["small", "large"]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda claim: claim[0],
)
_steps = st.lists(
    st.one_of(
        st.tuples(st.just("many"), _claims),
        st.tuples(st.just("one"), _claims),
        st.tuples(st.just("release"), _claims),
    ),
    max_size=8,
)


@pytest.fixture
def hosts(database):
    cloud.add_host("h1", vcpus=4, cpu_allocation_ratio=1.1)
    cloud.add_host("h2", reserved_memory_mb=100)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(_steps)
def test_the_ledger_is_always_the_sum_of_the_allocations(hosts, steps):
    allocations.release_many(row["consumer_uuid"] for row in query.many(models.allocations))
    for kind, items in steps:
        before = {row["consumer_uuid"] for row in query.many(models.allocations)}
        consumers = {consumer for consumer, _, _ in items}
        if kind == "many":
            granted = allocations.claim_many(
                [Claim(name, host, SIZES[size]) for name, host, size in items if name not in before]
            )
            assert _holders() == before | granted
        elif kind == "one":
            for consumer, host, size in items:
                got = allocations.claim(consumer, host, SIZES[size])
                assert not got or allocations.get(consumer)["host"] == host
        else:
            allocations.release_many(consumers)
            assert _holders() == before - consumers
        cloud.check_ledger()


def _holders():
    return {row["consumer_uuid"] for row in query.many(models.allocations)}


def test_claims_that_fit_are_made(hosts):
    large = SIZES["large"]
    granted = allocations.claim_many(
        [
            Claim("a", "h1", large),
            Claim("b", "h1", large),
            Claim("c", "h2", large),
            Claim("d", "h9", large),
        ]
    )
    assert granted in ({"a", "c"}, {"b", "c"})
    assert _holders() == granted
    cloud.check_ledger()


def test_no_claim_is_made_if_a_consumer_already_has_an_allocation(hosts):
    assert allocations.claim("a", "h1", SIZES["small"])
    with pytest.raises(db_exc.DBDuplicateEntry):
        allocations.claim_many([Claim("b", "h2", SIZES["small"]), Claim("a", "h2", SIZES["small"])])
    assert _holders() == {"a"}
    cloud.check_ledger()


def test_a_server_without_a_disk_fits_on_a_host_without_disk_space(hosts):
    query.update(models.compute_nodes, {"local_gb": 0}, models.compute_nodes.c.host == "h1")
    assert allocations.claim_many([Claim("a", "h1", SIZES["small"])]) == {"a"}
    assert not allocations.claim_many([Claim("b", "h1", SIZES["large"])])


def test_a_forced_claim_may_exceed_the_limits(hosts):
    huge = {"vcpus": 99, "memory_mb": 1, "local_gb": 1}
    assert not allocations.claim("a", "h1", huge)
    assert allocations.claim("a", "h1", huge, force=True)
    assert allocations.get("a")["vcpus"] == 99


@pytest.mark.parametrize("column", ["disabled", "forced_down"])
def test_no_claim_is_made_on_a_host_that_is_out_of_service(hosts, column):
    query.update(models.services, {column: True}, models.services.c.host == "h1")
    small = SIZES["small"]
    assert not allocations.claim("a", "h1", small)
    assert allocations.claim_many([Claim("b", "h1", small), Claim("c", "h2", small)]) == {"c"}
    cloud.check_ledger()


# -- shared storage ------------------------------------------------------------------------------


@pytest.fixture
def sharing(database):
    """h1 and h2 share a pool of 100 GiB; h3 has 100 GiB of its own."""
    for host, pool in (("h1", "rbd:x/vms"), ("h2", "rbd:x/vms"), ("h3", None)):
        cloud.add_host(host)
        compute_nodes.report(
            host,
            {"local_gb": 100, "reserved_gb": 0, "disk_allocation_ratio": 1.0, "disk_pool": pool},
        )


def _of(host: str, consumer: str, gb: int) -> Claim:
    return Claim(consumer, host, {"vcpus": 1, "memory_mb": 1, "local_gb": gb})


def test_claims_of_all_hosts_count_for_shared_storage(sharing):
    assert allocations.claim_many([_of("h1", "a", 60)]) == {"a"}
    assert allocations.claim_many([_of("h2", "b", 60)]) == set()
    assert allocations.claim_many([_of("h3", "c", 60)]) == {"c"}
    assert not allocations.claim("b", "h2", _of("h2", "b", 41).requested)
    assert allocations.claim("b", "h2", _of("h2", "b", 40).requested)
    allocations.release("a")
    assert allocations.claim_many([_of("h2", "d", 60)]) == {"d"}


def test_a_move_within_shared_storage_does_not_count_twice(sharing):
    assert allocations.claim("a", "h1", _of("h1", "a", 60).requested)
    assert allocations.claim("a", "h2", _of("h2", "a", 60).requested)
    assert not allocations.claim("b", "h1", _of("h1", "b", 41).requested)
    assert not allocations.claim("a", "h1", _of("h1", "a", 101).requested)
    cloud.check_ledger()
    assert allocations.get("a") is None


def test_a_batch_of_claims_does_not_exceed_shared_storage(sharing):
    granted = allocations.claim_many(
        [_of("h1", "a", 60), _of("h2", "b", 60), _of("h1", "c", 30), _of("h3", "d", 60)]
    )
    assert granted == {"a", "c", "d"}
    cloud.check_ledger()


def test_a_server_without_a_disk_fits_when_shared_storage_is_full(sharing):
    assert allocations.claim_many([_of("h1", "a", 100)]) == {"a"}
    assert allocations.claim_many([_of("h2", "b", 0)]) == {"b"}


def test_shared_storage_that_was_enlarged(sharing):
    assert allocations.claim("a", "h1", _of("h1", "a", 100).requested)
    compute_nodes.report(
        "h2",
        {
            "local_gb": 150,
            "reserved_gb": 10,
            "disk_allocation_ratio": 1.0,
            "disk_pool": "rbd:x/vms",
        },
    )
    assert not allocations.claim("b", "h2", _of("h2", "b", 41).requested)
    assert allocations.claim("b", "h2", _of("h2", "b", 40).requested)


def test_shared_storage_counts_once_in_the_sums(sharing):
    sums = hypervisors.get_sums("compute")
    assert (sums["count"], sums["local_gb"], sums["vcpus"]) == (3, 200, 24)


def test_the_table_of_the_scheduler_considers_shared_storage():
    table = cloud.make_table(
        {"disk_pool": "rbd:x/vms", "local_gb_used": 50},
        {"disk_pool": "rbd:x/vms", "local_gb_used": 20},
        {"local_gb_used": 20},
    )
    assert table.free("local_gb").tolist() == [30, 30, 80]
    requested = {"local_gb": 40}
    assert table.having_room(requested).tolist() == [False, False, True]
    assert [table.fits(i, requested) for i in range(3)] == [False, False, True]
    table.take(0, {"local_gb": 30})
    assert table.free("local_gb").tolist() == [0, 0, 80]
