"""Whatever is claimed and given back: the ledger is the sum, and never more than there is."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from oslo_db import exception as db_exc

from nova_mini.db import allocations, models, query
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
def test_the_ledger_is_always_the_sum(hosts, steps):
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


def test_those_that_fit_are_granted(hosts):
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


def test_one_who_holds_something_spoils_the_batch(hosts):
    assert allocations.claim("a", "h1", SIZES["small"])
    with pytest.raises(db_exc.DBDuplicateEntry):
        allocations.claim_many([Claim("b", "h2", SIZES["small"]), Claim("a", "h2", SIZES["small"])])
    assert _holders() == {"a"}
    cloud.check_ledger()


def test_what_is_not_asked_for_may_be_missing(hosts):
    query.update(models.compute_nodes, {"local_gb": 0}, models.compute_nodes.c.host == "h1")
    assert allocations.claim_many([Claim("a", "h1", SIZES["small"])]) == {"a"}
    assert not allocations.claim_many([Claim("b", "h1", SIZES["large"])])


def test_force_takes_what_is_not_there(hosts):
    huge = {"vcpus": 99, "memory_mb": 1, "local_gb": 1}
    assert not allocations.claim("a", "h1", huge)
    assert allocations.claim("a", "h1", huge, force=True)
    assert allocations.get("a")["vcpus"] == 99


@pytest.mark.parametrize("column", ["disabled", "forced_down"])
def test_a_host_that_is_out_of_service_grants_nothing(hosts, column):
    query.update(models.services, {column: True}, models.services.c.host == "h1")
    small = SIZES["small"]
    assert not allocations.claim("a", "h1", small)
    assert allocations.claim_many([Claim("b", "h1", small), Claim("c", "h2", small)]) == {"c"}
    cloud.check_ledger()
