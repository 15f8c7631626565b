"""The columns of aggregate metadata agree with simple code that looks at host after host."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from nova_mini.objects.host_state import AggregateState
from nova_mini.scheduler.aggregate_metadata import AggregateMetadata

_HOSTS = [f"h{number}" for number in range(5)]
_INDEX = {host: number for number, host in enumerate(_HOSTS)}

_aggregates = st.lists(
    st.builds(
        AggregateState,
        metadata=st.dictionaries(
            st.sampled_from(["a", "b"]), st.sampled_from(["1", "2", "-3.5", "x"])
        ),
        hosts=st.lists(st.sampled_from([*_HOSTS, "unknown"]), unique=True),
    ),
    max_size=6,
)


def _values(aggregates, host, key):
    return {
        each.metadata[key] for each in aggregates if host in each.hosts and key in each.metadata
    }


@settings(max_examples=300, deadline=None)
@given(_aggregates, st.sampled_from("ab"))
def test_each_host_has_the_values_of_its_aggregates(aggregates, key):
    sets, number_of = AggregateMetadata(aggregates, _INDEX).column(key)
    assert [sets[number] for number in number_of] == [
        _values(aggregates, host, key) for host in _HOSTS
    ]
    assert len(set(sets)) == len(sets)


@settings(max_examples=200, deadline=None)
@given(_aggregates, st.sampled_from("ab"))
def test_the_smallest_number_agrees_with_a_loop(aggregates, key):
    found = AggregateMetadata(aggregates, _INDEX).smallest(key, default=7.5)
    if not any(key in each.metadata for each in aggregates):
        assert found == 7.5
        return
    for number, host in zip(found, _HOSTS, strict=True):
        values = _values(aggregates, host, key)
        if values and "x" not in values:
            assert number == min(map(float, values))
        else:
            assert number == 7.5


def test_a_test_gets_each_set_of_values_once():
    aggregates = [AggregateState({"k": "v"}, ["h0", "h1"]), AggregateState({"k": "w, x"}, ["h1"])]
    seen = []

    def test(values):
        seen.append(set(values))
        return "w" in values

    assert AggregateMetadata(aggregates, _INDEX).where("k", test).tolist() == [
        False,
        True,
        False,
        False,
        False,
    ]
    assert sorted(map(sorted, seen)) == [[], ["v"], ["v", "w", "x"]]
