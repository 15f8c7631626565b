"""``/os-networks``, ``/os-tenant-networks``."""

import pytest

from tests.unit.conftest import ADMIN

UUID = "e8debdc0-447a-4376-a10a-4cd9122d7986"


@pytest.fixture
def own(neutron):
    neutron.add_network("external", "other", **{"router:external": True})
    neutron.add_network("shared", "other", shared=True)
    return neutron.add_network("own", "project")


def test_all_networks_that_neutron_shows(api, own):
    for path in ("/os-networks", "/os-tenant-networks"):
        listed = api.get(path).json["networks"]
        assert [each["label"] for each in listed] == ["external", "shared", "own"]


def test_network_has_two_fields_with_a_value(api, own):
    shown = api.get(f"/os-networks/{own}").json["network"]
    assert {name: value for name, value in shown.items() if value is not None} == {
        "id": own,
        "label": "own",
    }
    assert len(shown) == 11
    assert len(api.get(f"/os-networks/{own}", token=ADMIN).json["network"]) == 32


def test_network_of_a_project(api, own):
    shown = api.get(f"/os-tenant-networks/{own}").json["network"]
    assert shown == {"id": own, "label": "own", "cidr": "None"}


@pytest.mark.parametrize("path", ["/os-networks", "/os-tenant-networks"])
def test_unknown_network(api, neutron, path):
    assert api.get(f"{path}/{UUID}").status_int == 404
    assert api.get(f"{path}/..%2Fports").status_int == 404


def test_neutron_does_not_answer(api, neutron):
    neutron.faults = [("GET", (500, "InternalError"))] * 8
    assert api.get("/os-networks").status_int == 503
