"""What the microversions 2.98 to 2.104 change in existing operations."""

from __future__ import annotations

import pytest

from nova_mini import db
from tests.unit.api.openstack.compute.conftest import IMAGE, make_flavor
from tests.unit.conftest import ADMIN

FLAVOR = {"name": "f", "id": "9", "ram": 64, "vcpus": 1, "disk": 0}


def each_view(cloud, server_id: str, version: str) -> list[dict]:
    """The server as GET, list, PUT and rebuild show it."""
    get, path = cloud.api.get, f"/servers/{server_id}"
    shown = get(path, version=version).json["server"]
    (listed,) = get("/servers/detail", version=version).json["servers"]
    updated = cloud.api.put(path, {"server": {}}, version=version).json["server"]
    rebuilt = cloud.act(server_id, "rebuild", {"imageRef": IMAGE}, version=version)
    assert rebuilt.status_int == 202, rebuilt.text
    return [shown, listed, updated, rebuilt.json["server"]]


# -- 2.98 ----------------------------------------------------------------------------------------


def test_image_properties_are_shown_since_2_98(cloud):
    cloud.glance.images[IMAGE] |= {"os_version": "12", "owner_note": "mine", "kernel_id": ""}
    server_id = cloud.boot()
    for server in each_view(cloud, server_id, "2.98"):
        assert server["image"].keys() == {"id", "links", "properties"}
        assert server["image"]["properties"] == {"hw_disk_bus": "virtio", "os_type": "linux"}
    shown = cloud.api.get(f"/servers/{server_id}", version="2.97").json["server"]
    assert "properties" not in shown["image"]


# -- 2.100 ---------------------------------------------------------------------------------------


def test_scheduler_hints_are_shown_since_2_100(cloud):
    body = cloud.body() | {"os:scheduler_hints": {"reservation": "a"}}
    server_id = cloud.api.post("/servers", body, version="2.96").json["server"]["id"]
    cloud.built(server_id)
    for server in each_view(cloud, server_id, "2.100"):
        assert server["scheduler_hints"] == {"reservation": "a"}
    shown = cloud.api.get(f"/servers/{server_id}", version="2.99").json["server"]
    assert "scheduler_hints" not in shown


def test_server_without_hints_has_none(cloud):
    for server in each_view(cloud, cloud.boot(), "2.100"):
        assert server["scheduler_hints"] == {}


# -- 2.102 ---------------------------------------------------------------------------------------


def test_flavors_lose_two_fields_in_2_102(cloud):
    gone = {"rxtx_factor", "OS-FLV-DISABLED:disabled"}
    for path, of in (("/flavors/1", "flavor"), ("/flavors/detail", "flavors")):

        def fields(version, path=path, of=of):
            shown = cloud.api.get(path, version=version).json[of]
            return set(shown[0] if of == "flavors" else shown)

        assert fields("2.101") - fields("2.102") == gone
    made = cloud.api.post("/flavors", {"flavor": FLAVOR}, token=ADMIN, version="2.102")
    assert not gone & set(made.json["flavor"])


def test_rxtx_factor_is_not_accepted_since_2_102(cloud):
    body = {"flavor": {**FLAVOR, "rxtx_factor": 2.0}}
    assert cloud.api.post("/flavors", body, token=ADMIN, version="2.102").status_int == 400
    assert cloud.api.get("/flavors?sort_key=rxtx_factor", version="2.102").status_int == 400
    assert cloud.api.get("/flavors?sort_key=rxtx_factor", version="2.101").status_int == 200
    assert cloud.api.post("/flavors", body, token=ADMIN, version="2.101").status_int == 200


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("name=small", ["a.small", "b.SMALL"]),
        ("name=^b", ["b.SMALL", "b.big"]),
        ("name=big$&minRam=1", ["b.big"]),
        ("name=.&limit=2&marker=1", ["a.small", "b.SMALL"]),
        ("name=nothing", []),
    ],
)
def test_flavors_are_filtered_by_name_since_2_102(cloud, query, found):
    for number, name in enumerate(["a.small", "b.SMALL", "b.big"]):
        make_flavor(f"2{number}", name=name)
    for path in ("/flavors", "/flavors/detail"):
        flavors = cloud.api.get(f"{path}?{query}", version="2.102").json["flavors"]
        assert [flavor["name"] for flavor in flavors] == found


def test_filter_by_name_needs_2_102_and_a_valid_expression(cloud):
    assert len(cloud.api.get("/flavors?name=nothing", version="2.74").json["flavors"]) == 1
    assert cloud.api.get("/flavors?name=nothing", version="2.101").status_int == 400
    assert cloud.api.get("/flavors?name=(", version="2.102").status_int == 400


# -- 2.104 ---------------------------------------------------------------------------------------


def pin(cloud, server_id, zone, version="2.104"):
    body = {"server": {"pinned_availability_zone": zone}}
    return cloud.api.put(f"/servers/{server_id}", body, version=version)


def zones(cloud, server_id) -> set:
    """The pinned zone in the API, in the record and in the request spec, as a set."""
    shown = cloud.api.get(f"/servers/{server_id}", version="2.104").json["server"]
    spec = db.request_specs.get([server_id])[server_id]
    row = cloud.row(server_id)
    pinned = row["pinned_availability_zone"]
    return {shown["pinned_availability_zone"], pinned, spec["availability_zone"]}


def test_server_is_unpinned_and_pinned_again(cloud):
    server_id = cloud.boot(availability_zone="nova")
    assert zones(cloud, server_id) == {"nova"}
    for zone in ("nova", None, None, "nova"):  # its present value changes nothing
        answer = pin(cloud, server_id, zone)
        assert answer.status_int == 200, answer.text
        assert answer.json["server"]["pinned_availability_zone"] == zone
        assert zones(cloud, server_id) == {zone}


@pytest.mark.parametrize(
    ("requested", "reason"), [("nova", "Unpin it first"), (None, "can only be pinned to this zone")]
)
def test_server_is_not_pinned_to_another_zone(cloud, requested, reason):
    fields = {"availability_zone": requested} if requested else {}
    server_id = cloud.boot(**fields)
    answer = pin(cloud, server_id, "elsewhere")
    assert answer.status_int == 409
    assert reason in answer.json["conflictingRequest"]["message"]
    assert zones(cloud, server_id) == {requested}


def test_a_refused_zone_changes_no_other_field(cloud):
    server_id = cloud.boot()
    body = {"server": {"name": "two", "pinned_availability_zone": "elsewhere"}}
    assert cloud.api.put(f"/servers/{server_id}", body, version="2.104").status_int == 409
    assert cloud.row(server_id)["display_name"] == "one"


def test_zone_cannot_be_changed_before_2_104(cloud):
    server_id = cloud.boot(availability_zone="nova")
    assert pin(cloud, server_id, None, "2.103").status_int == 400
    assert pin(cloud, server_id, "", "2.104").status_int == 400
    assert zones(cloud, server_id) == {"nova"}
