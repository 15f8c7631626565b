"""A world with a server that runs, and a volume."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.compute import block_device_request, create, destination
from nova_mini.compute.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.objects import instance_creation
from nova_mini.objects.image_meta import ImageMeta
from tests.unit import rest_server
from tests.unit.api.openstack.compute.conftest import IMAGE, Glance, make_flavor
from tests.unit.compute.world import World
from tests.unit.volume import stub_cinder

UNLIMITED = instance_creation.Limits(dict.fromkeys(("instances", "cores", "ram"), -1), {})


@pytest.fixture
def world(database, monkeypatch, tmp_path):
    CONF.set_override("state_path", str(tmp_path))
    CONF.set_override("block_device_allocate_retries_interval", 0, group="cinder")
    with stub_cinder.serving() as cinder:
        yield World(monkeypatch, cinder)
    for name, group in (
        ("state_path", None), ("compute_driver", None), ("auth_strategy", "api"),
        ("block_device_allocate_retries_interval", "cinder"),
    ):  # fmt: skip
        CONF.clear_override(name, group=group)


@pytest.fixture
def server(world) -> str:
    """The uuid of a server that runs."""
    request = ServerRequest(
        display_name="s", flavor=make_flavor(), image_ref=IMAGE, admin_password="p",
        requested_networks="none",
    )  # fmt: skip
    where = destination.resolve(world.context, request)
    mappings = block_device_request.build_mappings([], IMAGE, request.flavor)
    image = ImageMeta(id=IMAGE)
    new = create.new_instances(world.context, request, image, mappings, None, where, 1)
    instance_creation.create(world.context, new, UNLIMITED)
    world.make_running(new[0].instance.uuid)
    return new[0].instance.uuid


@pytest.fixture
def volume(world) -> str:
    return world.cinder.add_volume(size=2)


@pytest.fixture
def glance(world):
    served = Glance()
    with rest_server.serving("glance", served.respond):
        CONF.set_override("image_record_cache_time", 0, group="api")
        yield served
        CONF.clear_override("image_record_cache_time", group="api")


@pytest.fixture
def backed(world, server, glance) -> tuple[str, str, str]:
    """(server, its root volume, a data volume): it runs, as if it had been built so."""
    root, data = world.cinder.add_volume(size=3), world.cinder.add_volume(size=1)
    for mapping in db.block_device_mappings.get_by_instances([server]):
        db.block_device_mappings.destroy(mapping["id"])
    world.set(server, image_ref=None)
    bdm = world.attach(server, root, device="/dev/vda")
    world.attach(server, data, tag="data")
    db.block_device_mappings.update(
        bdm.id, {"boot_index": 0, "source_type": "image", "image_id": IMAGE}
    )

    def write_image(volume):
        event = {"name": "volume-reimaged", "server_uuid": server, "tag": volume["id"]}
        world.manager.external_instance_event(world.context, [event])

    world.cinder.on_reimage = write_image
    return server, root, data
