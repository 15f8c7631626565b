"""A cloud in one process with a running server and a volume."""

from __future__ import annotations

import pytest

from nova_mini import db
from nova_mini.compute.requests import block_device_request, destination, new_instances
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.network.neutron import ports
from nova_mini.objects import instance_creation, quota_claims
from nova_mini.objects.image_meta import ImageMeta
from tests.unit import rest_server
from tests.unit.api.openstack.compute.conftest import IMAGE, Glance, make_flavor
from tests.unit.compute.cloud_in_one_process import CloudInOneProcess
from tests.unit.network.stub_neutron import StubNeutron
from tests.unit.volume import stub_cinder

UNLIMITED = quota_claims.Limits(dict.fromkeys(("instances", "cores", "ram"), -1), {})


@pytest.fixture
def cloud(database, monkeypatch, tmp_path):
    CONF.set_override("state_path", str(tmp_path))
    CONF.set_override("block_device_allocate_retries_interval", 0, group="cinder")
    with stub_cinder.serving() as cinder:
        cloud = CloudInOneProcess(monkeypatch, cinder)
        yield cloud
        cloud.stop()
    for name, group in (
        ("state_path", None),
        ("compute_driver", None),
        ("auth_strategy", "api"),
        ("faults", "fake"),
        ("block_device_allocate_retries_interval", "cinder"),
    ):
        CONF.clear_override(name, group=group)


@pytest.fixture
def server(cloud) -> str:
    """The uuid of a running server."""
    request = ServerRequest(
        display_name="s",
        flavor=make_flavor(),
        image_ref=IMAGE,
        admin_password="p",
        requested_networks="none",
    )
    fields = destination.resolve(cloud.context, request)
    disks = block_device_request.requested_disks(request, [])
    mappings = block_device_request.build_disks(disks, IMAGE, request.flavor)
    image = ImageMeta(id=IMAGE)
    new = new_instances.new_instances(cloud.context, request, image, mappings, None, fields, 1)
    instance_creation.create(cloud.context, new, UNLIMITED)
    cloud.make_running(new[0].instance.uuid)
    return new[0].instance.uuid


@pytest.fixture
def volume(cloud) -> str:
    return cloud.cinder.add_volume(size=2)


@pytest.fixture
def glance(cloud):
    served = Glance()
    with rest_server.serving("glance", served.respond):
        CONF.set_override("image_record_cache_time", 0, group="api")
        yield served
        CONF.clear_override("image_record_cache_time", group="api")


@pytest.fixture
def neutron(cloud, monkeypatch):
    """Neutron with one network of the project: ``neutron.network`` is its id."""
    monkeypatch.setattr(ports.time, "sleep", lambda seconds: None)
    served = StubNeutron()
    served.network = served.add_network(project_id="project")
    with rest_server.serving("neutron", served.respond):
        yield served


@pytest.fixture
def backed(cloud, server, glance) -> tuple[str, str, str]:
    """(server, root volume, data volume) of a running volume-backed server."""
    root, data = cloud.cinder.add_volume(size=3), cloud.cinder.add_volume(size=1)
    for mapping in db.block_device_mappings.get_by_instances([server]):
        db.block_device_mappings.destroy(mapping["id"])
    cloud.set(server, image_ref=None)
    bdm = cloud.attach(server, root, device="/dev/vda")
    cloud.attach(server, data, tag="data")
    db.block_device_mappings.update(
        bdm.id, {"boot_index": 0, "source_type": "image", "image_id": IMAGE}
    )

    def write_image(volume):
        event = {"name": "volume-reimaged", "server_uuid": server, "tag": volume["id"]}
        cloud.manager.external_instance_event(cloud.context, [event])

    cloud.cinder.on_reimage = write_image
    return server, root, data
