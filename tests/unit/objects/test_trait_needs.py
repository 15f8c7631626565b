from __future__ import annotations

import pytest

from nova_mini.objects.trait_needs import TraitNeeds

_FLAVOR = {"trait:A": "required", "trait:B": "forbidden", "hw:cpu_cores": "required"}
_IMAGE = {"trait:C": "required", "os_type": "forbidden"}


@pytest.mark.parametrize(
    ("traits", "expected"),
    [
        (["A", "C", "X"], True),
        (["A"], False),
        (["C"], False),
        (["A", "B", "C"], False),
        ([], False),
        (None, False),
    ],
)
def test_flavor_and_image_have_needs(traits, expected):
    assert TraitNeeds.of(_FLAVOR, _IMAGE).are_met_by(traits) is expected


def test_a_trait_that_one_requires_and_the_other_forbids_is_nowhere():
    needs = TraitNeeds.of({"trait:A": "forbidden"}, {"trait:A": "required"})
    assert not needs.are_met_by(["A"])
    assert not needs.are_met_by([])


@pytest.mark.parametrize("traits", [None, [], ["A"]])
def test_without_needs_every_host_does(traits):
    needs = TraitNeeds.of({"hw:trait:A": "required"}, {})
    assert not needs
    assert needs.are_met_by(traits)
