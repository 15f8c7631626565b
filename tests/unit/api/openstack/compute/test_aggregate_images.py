"""Images that an administrator wants on an aggregate's hosts: the request, and what comes of it."""

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
    answer = api.post("/os-aggregates", {"aggregate": {"name": "agg"}}, token=ADMIN)
    path = f"/os-aggregates/{answer.json['aggregate']['id']}"
    for host in ("h1", "h2"):
        make_host(host)
        api.post(f"{path}/action", {"add_host": {"host": host}}, token=ADMIN)
    return f"{path}/images"


def ask(api, path, *image_ids, version="2.81", token=ADMIN):
    body = {"cache": [{"id": image_id} for image_id in image_ids]}
    return api.post(path, body, token=token, version=version)


def test_the_conductors_are_asked(api, images, bus):
    answer = ask(api, images, IMAGE, OTHER_IMAGE)
    assert answer.status_int == 202, answer.text
    assert answer.body == b""
    ((topic, _server, method, sent),) = bus.sent
    assert (topic, method) == ("conductor", "cache_images")
    assert sent == {"hosts": ["h1", "h2"], "image_ids": [IMAGE, OTHER_IMAGE]}


@pytest.mark.parametrize("image_ids", [[], ["x"], [IMAGE, IMAGE], [UNKNOWN]])
def test_what_cannot_be_cached(api, images, bus, image_ids):
    assert ask(api, images, *image_ids).status_int == 400
    assert bus.sent == []


def test_who_may_where_and_since_when(api, images, bus):
    assert ask(api, images, IMAGE, token=None).status_int in (401, 403)
    assert ask(api, images, IMAGE, version="2.80").status_int == 404
    assert ask(api, "/os-aggregates/99/images", IMAGE).status_int == 404
    assert bus.sent == []


def test_hosts_that_are_up_are_told(images, bus):
    bus.answers["cache_images"] = {IMAGE: "cached"}
    down = Service.get_by_host_and_binary(get_admin_context(), "h2", "nova-mini-compute")
    down.forced_down = True
    down.save()
    cache_images.cache_images(get_admin_context(), ["h1", "h2", "h3"], [IMAGE])
    told = [(topic, server, sent) for topic, server, _method, sent in bus.sent]
    assert told == [("compute", "h1", {"image_ids": [IMAGE]})]
