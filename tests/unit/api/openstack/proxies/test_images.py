"""``/images``"""

import pytest

from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE

UNKNOWN = "e8debdc0-447a-4376-a10a-4cd9122d7986"
METADATA = f"/images/{IMAGE}/metadata"


def test_list_images(api, glance):
    listed = api.get("/images").json["images"]
    assert [each["id"] for each in listed] == [IMAGE, OTHER_IMAGE]
    assert set(listed[0]) == {"id", "name", "links"}
    assert [link["rel"] for link in listed[0]["links"]] == ["self", "bookmark", "alternate"]
    assert listed[0]["links"][0]["href"] == f"http://localhost/v2.1/images/{IMAGE}"


def test_show_image(api, glance):
    times = {"created_at": "2026-01-01T00:00:00Z", "updated_at": "2026-01-02T00:00:00Z"}
    extra = {"instance_uuid": UNKNOWN, "auto_disk_config": "true"}
    glance.images[IMAGE] |= times | extra
    shown = api.get(f"/images/{IMAGE}").json["image"]
    del shown["links"]
    (own, bookmark) = shown["server"].pop("links")
    assert own["href"] == f"http://localhost/v2.1/servers/{UNKNOWN}"
    assert shown == {
        "id": IMAGE,
        "name": "small",
        "minRam": 64,
        "minDisk": 0,
        "metadata": {"os_type": "linux", "hw_disk_bus": "virtio", **extra},
        "created": times["created_at"],
        "updated": times["updated_at"],
        "status": "ACTIVE",
        "progress": 100,
        "OS-EXT-IMG-SIZE:size": 1024 * 1024,
        "OS-DCF:diskConfig": "AUTO",
        "server": {"id": UNKNOWN},
    }


@pytest.mark.parametrize(
    ("status", "shown", "progress"),
    [("queued", "SAVING", 25), ("killed", "ERROR", 0), ("uploading", "UNKNOWN", 0)],
)
def test_status_of_image(api, glance, status, shown, progress):
    glance.images[IMAGE]["status"] = status
    image = api.get(f"/images/{IMAGE}").json["image"]
    assert (image["status"], image["progress"]) == (shown, progress)


@pytest.mark.parametrize(
    ("query", "sent"),
    [
        ("", {}),
        ("?name=a", {"name": "a"}),
        ("?status=SAVING", {"status": "in:queued,saving"}),
        ("?status=active", {"status": "active"}),
        (f"?server=http://x/servers/{UNKNOWN}", {"instance_uuid": UNKNOWN}),
        ("?type=snapshot", {"image_type": "snapshot"}),
        ("?minRam=1&minDisk=2", {"min_ram": "1", "min_disk": "2"}),
        ("?property-os=x", {"os": "x"}),
        ("?property-owner=x", {}),
        ("?changes-since=2026-01-01T00:00:00Z", {"updated_at": "gte:2026-01-01T00:00:00Z"}),
        (f"?marker={IMAGE}", {"marker": IMAGE}),
        ("?colour=red", {}),
    ],
)
def test_filters_are_translated(api, glance, query, sent):
    for path in ("/images", "/images/detail"):
        assert api.get(path + query).status_int == 200
    assert glance.queries == [{"limit": "1000", **sent}] * 2


def test_full_page_has_a_link_to_the_next(api, glance):
    page = api.get("/images/detail?limit=2").json
    assert glance.queries == [{"limit": "2"}]
    (link,) = page["images_links"]
    assert link["href"] == f"http://localhost/v2.1/images/detail?limit=2&marker={OTHER_IMAGE}"
    assert "images_links" not in api.get("/images?limit=3").json
    assert api.get("/images?limit=0").json == {"images": []}


@pytest.mark.parametrize("query", ["minRam=x", "changes-since=yesterday", "limit=-1"])
def test_invalid_filter(api, glance, query):
    assert api.get(f"/images?{query}").status_int == 400


def test_delete_image(api, glance):
    assert api.delete(f"/images/{IMAGE}").status_int == 204
    assert IMAGE not in glance.images
    assert api.delete(f"/images/{IMAGE}").status_int == 404


@pytest.mark.parametrize("image_id", [UNKNOWN, "..", "1"])
def test_unknown_image(api, glance, image_id):
    assert api.get(f"/images/{image_id}").status_int == 404
    assert api.get(f"/images/{image_id}/metadata").status_int == 404


def properties(glance):
    known = ("os_type", "hw_disk_bus", "colour")
    return {name: v for name, v in glance.images[IMAGE].items() if name in known}


def test_read_metadata(api, glance):
    assert api.get(METADATA).json == {"metadata": properties(glance)}
    assert api.get(f"{METADATA}/os_type").json == {"meta": {"os_type": "linux"}}
    assert api.get(f"{METADATA}/colour").status_int == 404


def test_add_and_replace_metadata(api, glance):
    added = api.post(METADATA, {"metadata": {"colour": "red"}})
    assert added.json["metadata"] == properties(glance) != {"colour": "red"}
    body = {"meta": {"colour": "blue"}}
    assert api.put(f"{METADATA}/colour", body).json == body
    assert properties(glance)["colour"] == "blue"


def test_wrong_key_of_metadata(api, glance):
    assert api.put(f"{METADATA}/os_type", {"meta": {"colour": "blue"}}).status_int == 400
    assert api.delete(f"{METADATA}/colour").status_int == 404
    assert api.post(METADATA, {"metadata": {"visibility": "public"}}).status_int == 400
    assert glance.images[IMAGE].get("visibility") is None


def test_remove_metadata(api, glance):
    assert api.delete(f"{METADATA}/os_type").status_int == 204
    assert properties(glance) == {"hw_disk_bus": "virtio"}
    assert api.put(METADATA, {"metadata": {"colour": "red"}}).status_int == 200
    assert properties(glance) == {"colour": "red"}


def test_limit_of_metadata(api, glance, override):
    override("metadata_items", 2, "quota")
    assert api.post(METADATA, {"metadata": {"colour": "red"}}).status_int == 403
    assert api.post(METADATA, {"metadata": {"os_type": "other"}}).status_int == 200
