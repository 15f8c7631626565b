"""Caching images on the hosts of an aggregate: the API and the conductor."""

from __future__ import annotations

import pytest

from nova_mini.conductor.tasks import cache_images
from nova_mini.context import get_admin_context
from nova_mini.objects.service import Service
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE, make_host
from tests.unit.conftest import ADMIN

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
    assert sent == {"hosts": ["h1", "h2"], "image_ids": [IMAGE, OTHER_IMAGE]}


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
    cache_images.cache_images(get_admin_context(), ["h1", "h2", "h3"], [IMAGE])
    calls = [(topic, server, sent) for topic, server, _method, sent in bus.sent]
    assert calls == [("compute", "h1", {"image_ids": [IMAGE]})]
