"""Caching images on the hosts of an aggregate: the API and the conductor."""

from __future__ import annotations

import pytest

from nova_mini.conductor.tasks import cache_images
from nova_mini.context import get_admin_context
from nova_mini.objects.aggregate import Aggregate
from nova_mini.objects.service import Service
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE, make_host
from tests.unit.conftest import ADMIN
from tests.unit.versioned_notifications import versioned  # noqa: F401

UNKNOWN = "00000000-0000-0000-0000-00000000dead"


@pytest.fixture
def images(api, glance):
    """The path of an aggregate of the hosts h1 and h2."""
    response = api.post("/os-aggregates", {"aggregate": {"name": "agg"}}, token=ADMIN)
    path = f"/os-aggregates/{response.json['aggregate']['id']}"
    for host in ("h1", "h2"):
        make_host(host)
        api.post(f"{path}/action", {"add_host": {"host": host}}, token=ADMIN)
    return f"{path}/images"


def ask(api, path, *image_ids, version="2.81", token=ADMIN):
    body = {"cache": [{"id": image_id} for image_id in image_ids]}
    return api.post(path, body, token=token, version=version)


def test_cache_images_is_sent_to_a_conductor(api, images, bus):
    response = ask(api, images, IMAGE, OTHER_IMAGE)
    assert response.status_int == 202, response.text
    assert response.body == b""
    ((topic, _server, method, sent),) = bus.sent
    assert (topic, method) == ("conductor", "cache_images")
    assert sent["aggregate"].hosts == ["h1", "h2"]
    assert sent["image_ids"] == [IMAGE, OTHER_IMAGE]


@pytest.mark.parametrize("image_ids", [[], ["x"], [IMAGE, IMAGE], [UNKNOWN]])
def test_invalid_images_are_refused(api, images, bus, image_ids):
    assert ask(api, images, *image_ids).status_int == 400
    assert bus.sent == []


def test_cache_images_by_role_and_version(api, images, bus):
    assert ask(api, images, IMAGE, token=None).status_int in (401, 403)
    assert ask(api, images, IMAGE, version="2.80").status_int == 404
    assert ask(api, "/os-aggregates/99/images", IMAGE).status_int == 404
    assert bus.sent == []


def test_conductor_caches_images_on_hosts_that_are_up(images, bus):
    bus.responses["cache_images"] = {IMAGE: "cached"}
    down = Service.get_by_host_and_binary(get_admin_context(), "h2", "nova-mini-compute")
    down.forced_down = True
    down.save()
    cache_images.cache_images(get_admin_context(), aggregate_of(images), [IMAGE])
    calls = [(topic, server, sent) for topic, server, _method, sent in bus.sent]
    assert calls == [("compute", "h1", {"image_ids": [IMAGE]})]


def aggregate_of(images: str) -> Aggregate:
    return Aggregate.get_by_id(get_admin_context(), int(images.split("/")[2]))


def test_notifications_about_the_images(images, bus, versioned):  # noqa: F811
    bus.responses["cache_images"] = {IMAGE: "existing", OTHER_IMAGE: "error"}
    down = Service.get_by_host_and_binary(get_admin_context(), "h2", "nova-mini-compute")
    down.forced_down = True
    down.save()
    cache_images.cache_images(get_admin_context(), aggregate_of(images), [IMAGE, OTHER_IMAGE])
    assert [each.event for each in versioned] == [
        "aggregate.cache_images.start",
        "aggregate.cache_images.progress",
        "aggregate.cache_images.progress",
        "aggregate.cache_images.end",
    ]
    assert {each.publisher.split(":")[0] for each in versioned} == {"nova-conductor"}
    skipped, done = (each.data for each in versioned[1:3])
    assert (skipped["host"], skipped["index"], skipped["total"]) == ("h2", 1, 2)
    assert (skipped["images_cached"], skipped["images_failed"]) == ([], [IMAGE, OTHER_IMAGE])
    assert (done["host"], done["index"], done["total"]) == ("h1", 2, 2)
    assert (done["images_cached"], done["images_failed"]) == ([IMAGE], [OTHER_IMAGE])
    assert versioned[0].data["hosts"] == ["h1", "h2"]
