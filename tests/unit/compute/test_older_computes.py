"""A compute of release 0.1.0 with services of this release: messages in both directions."""

from __future__ import annotations

import pytest
from oslo_versionedobjects import base as ovo

from nova_mini import db, rpc
from nova_mini.compute.requests.rebuild_request import RebuildRequest
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance
from tests.unit.api.openstack.compute.conftest import OTHER_IMAGE
from tests.unit.compute.cloud_in_one_process import HOST


@pytest.fixture
def old_compute(cloud) -> None:
    db.query.update(db.models.services, {"version": 1})


@pytest.fixture
def old_instance(cloud, server) -> Instance:
    """The server in the version that an old compute has and sends."""
    known = {**ovo.obj_tree_get_versions("Instance"), "Instance": "1.0"}
    sent = cloud.instance(server).obj_to_primitive("1.0", known)
    return rpc.RequestContextSerializer().deserialize_entity(get_admin_context(), sent)


def _begun(server: str) -> dict:
    action, *_ = db.actions.get_by_instance(server)
    return action["args"]


def _rebuild(cloud, server: str) -> None:
    request = RebuildRequest(image_ref=OTHER_IMAGE, admin_password="p")
    cloud.api.rebuild(cloud.context, cloud.instance(server), request)


def test_an_old_compute_does_not_get_the_record_before_a_rebuild(
    cloud, server, glance, old_compute
):
    _rebuild(cloud, server)
    assert _begun(server)["image_ref"] == OTHER_IMAGE
    assert "before" not in _begun(server)


def test_a_new_compute_gets_the_record_before_a_rebuild(cloud, server, glance):
    _rebuild(cloud, server)
    assert _begun(server)["before"]["fields"]


def _sent_instance(cloud, server, monkeypatch) -> dict:
    sent = []

    class Client:
        def prepare(self, **options):
            return self

        def call(self, context, method, *, instance, **kwargs):
            serializer = rpc.RequestContextSerializer()
            sent.append(serializer.serialize_entity(context, instance))

    monkeypatch.setattr(rpc, "get_client", lambda target: Client())
    cloud.api.compute_rpcapi.get_console_output(cloud.context, cloud.instance(server), HOST)
    return sent[0]


def test_an_old_compute_gets_instances_of_its_version(cloud, server, old_compute, monkeypatch):
    sent = _sent_instance(cloud, server, monkeypatch)
    assert sent["nova_object.version"] == "1.0"
    assert sent["nova_object.data"]["uuid"] == server
    assert not {"revision", "system_metadata_changes"} & sent["nova_object.data"].keys()


def test_a_new_compute_gets_instances_of_the_new_version(cloud, server, monkeypatch):
    sent = _sent_instance(cloud, server, monkeypatch)
    assert sent["nova_object.version"] == Instance.VERSION
    assert "revision" in sent["nova_object.data"]


def test_an_old_compute_saves_without_a_revision(old_instance, server):
    assert not old_instance.obj_attr_is_set("revision")
    old_instance.power_state = 4
    old_instance.save(expected_task_state=[None])
    assert db.instances.get_by_uuid(server)["power_state"] == 4


def test_an_old_compute_writes_network_information_without_a_revision(cloud, server, old_compute):
    Instance.update_network_info(cloud.context, server, "[]")
    Instance.update_network_info(cloud.context, server, "[ ]")
    assert db.instances.get_by_uuid(server)["network_info"] == "[ ]"


def test_network_information_of_an_old_compute_is_not_written_during_an_operation(
    cloud, server, old_compute
):
    before = db.instances.get_by_uuid(server)["network_info"]
    cloud.api.stop(cloud.context, cloud.instance(server))
    Instance.update_network_info(cloud.context, server, "[ ]")
    assert db.instances.get_by_uuid(server)["network_info"] == before
