"""The transaction that creates servers."""

import pytest

from nova_mini import db, exception
from nova_mini.compute.requests import block_device_request, destination, new_instances
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.objects import instance_creation, quota_claims
from nova_mini.objects.image_meta import ImageMeta
from tests.unit.api.openstack.compute.conftest import IMAGE, make_flavor

UNLIMITED = quota_claims.Limits(dict.fromkeys(("instances", "cores", "ram"), -1), {})


@pytest.fixture
def new(database, context):
    request = ServerRequest(
        display_name="s",
        flavor=make_flavor(),
        image_ref=IMAGE,
        admin_password="p",
        requested_networks="none",
        tags=["t"],
    )
    destination_fields = destination.resolve(context, request)
    disks = block_device_request.requested_disks(request, [])
    mappings = block_device_request.build_disks(disks, IMAGE, request.flavor)
    image = ImageMeta(id=IMAGE)
    return new_instances.new_instances(
        context, request, image, mappings, None, destination_fields, 2
    )


def rows(*tables) -> list[int]:
    return [len(db.query.many(db.models.metadata.tables[name])) for name in tables]


ALL = ("instances", "request_specs", "block_device_mapping", "instance_actions")


def test_all_records_are_written(new, context):
    actions = instance_creation.create(context, new, UNLIMITED)
    assert [a.instance_uuid for a in actions] == [item.instance.uuid for item in new]
    assert rows(*ALL) == [2, 2, 2, 2]
    assert db.project_usages.get("project")["instances"] == 2


def test_the_steps_are_in_the_history_of_each_server(new, context):
    step = ["request to glance: GET /v2/images/1", "2026-01-31T12:00:00", "2026-01-31T12:00:01"]
    actions = instance_creation.create(context, new, UNLIMITED, [step])
    events = db.actions.get_events([action.id for action in actions])
    assert [(e["event"], e["host"]) for e in events] == [(step[0], CONF.host)] * 2
    assert (events[0]["finish_time"] - events[0]["start_time"]).total_seconds() == 1


def test_an_exceeded_quota_leaves_nothing(new, context):
    limits = quota_claims.Limits({"instances": 1, "cores": -1, "ram": 8192}, {})
    message = "Quota exceeded for instances: requested 2, but already used 0 of 1 instances."
    with pytest.raises(exception.OverQuota, match=message):
        instance_creation.create(context, new, limits)
    assert rows(*ALL) == [0, 0, 0, 0]
    assert db.instance_tags.get_tags([item.instance.uuid for item in new]) == {}
    assert db.project_usages.get("project")["instances"] == 0


def test_an_exceeded_quota_of_the_user_leaves_nothing(new, context):
    limits = quota_claims.Limits(UNLIMITED.of_project, {"cores": 1})
    message = "Quota exceeded for cores: requested 2, but already used 0 of 1 cores."
    with pytest.raises(exception.OverQuota, match=message):
        instance_creation.create(context, new, limits)
    assert rows(*ALL) == [0, 0, 0, 0]


def test_a_repeated_transaction_finds_its_commit(new, context):
    """The transaction runs twice, as after a broken connection at its commit."""
    first = instance_creation.create(context, new, UNLIMITED)
    for item in new:
        item.instance.obj_reset_changes()
        for name in item.instance.fields:
            if item.instance.obj_attr_is_set(name):
                item.instance._changed_fields.add(name)
    again = instance_creation.create(context, new, UNLIMITED)
    assert [a.id for a in again] == [a.id for a in first]
    assert rows(*ALL) == [2, 2, 2, 2]
    assert db.project_usages.get("project")["instances"] == 2


def test_the_repr_has_no_secrets(new):
    assert "admin_password" not in repr(new[0])
    request = ServerRequest(display_name="s", flavor=new[0].instance.flavor, admin_password="xyz")
    assert "xyz" not in repr(request)
