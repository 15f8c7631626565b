"""The scheduler hint ``query``."""

from __future__ import annotations

import json

import pytest

from nova_mini.guest_options import host_query
from nova_mini.scheduler.filters.json_filter import JsonFilter
from tests.unit.scheduler import cloud

HOSTS = (
    {"memory_mb": 1024, "vcpus": 2},
    {"memory_mb": 8192, "vcpus": 8, "memory_mb_used": 4096},
    {"memory_mb": 8192, "vcpus": 16, "cpu_info": {"arch": "aarch64"}, "hypervisor_type": "LXC"},
)


def passing(query: object) -> list[int]:
    """The numbers of the hosts that pass, from 1."""
    text = query if isinstance(query, str) else json.dumps(query)
    spec = cloud.make_spec(scheduler_hints={"query": text})
    table = cloud.make_table(*HOSTS)
    assert JsonFilter().applies_to(spec)
    mask = JsonFilter().host_passes_all(table, spec)
    return [number for number, passes in enumerate(mask, start=1) if passes]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ([">=", "$free_ram_mb", 4096], [2, 3]),
        ([">", "$free_ram_mb", 4096], [3]),
        (["<", "$free_ram_mb", 4096], [1]),
        (["<=", 8, "$vcpus_total"], [2, 3]),
        (["=", "$vcpus_total", 8], [2]),
        (["=", "$vcpus_total", 8.0], [2]),
        (["=", "$vcpus_total", "8"], []),
        (["in", "$host", "h1", "h3"], [1, 3]),
        (["=", "$nodename", "$hypervisor_hostname"], [1, 2, 3]),
        (["=", "$hypervisor_type", "QEMU"], [1, 2]),
        (["=", "$cpu_info.arch", "aarch64"], [3]),
        (["=", "$cpu_info.model.name", None], []),
        ([">", "$host", 3], []),
        (["<", 1, "$vcpus_total", "$free_ram_mb"], [1, 2, 3]),
        (["not", ["in", "$host", "h1"]], [2, 3]),
        (["and", [">", "$vcpus_total", 2], ["<", "$vcpus_total", 16]], [2]),
        (["or", ["=", "$host", "h1"], ["=", "$host", "h3"]], [1, 3]),
        (["not", ["or", ["=", "$host", "h1"], ["and", ["=", "$host", "h2"]]]], [3]),
        (["and"], [1, 2, 3]),
        (["or"], []),
        ([], [1, 2, 3]),
    ],
)
def test_the_condition_selects_hosts(query, expected):
    assert passing(query) == expected


def test_what_an_older_api_has_accepted_excludes_no_host():
    assert passing("what?") == [1, 2, 3]


def test_it_does_not_apply_without_the_hint():
    assert not JsonFilter().applies_to(cloud.make_spec())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not JSON"),
        ("[" * 5000, "not JSON"),
        ("NaN", "not JSON"),
        ("3", "not a condition"),
        ('"x"', "not a condition"),
        ('["or", "$host"]', "not a condition"),
        ('["~", 1, 2]', "not an operator"),
        ('[["="], 1]', "not an operator"),
        ('["=", 1]', "at least two"),
        ('["=", "$password", "x"]', "not a property"),
        ('["=", "$__class__", "x"]', "not a property"),
        ('["=", {"a": 1}, "x"]', "cannot be compared"),
        ('["not"]', "exactly one"),
        (json.dumps(["=", "x" * 10_000, 1]), "characters"),
        ('["not", ' * 21 + '["=", 1, 1]' + "]" * 21, "inside of each other"),
    ],
)
def test_other_texts_are_refused(text, words):
    with pytest.raises(ValueError, match=words) as caught:
        host_query.parse(text)
    assert len(str(caught.value)) < 250
