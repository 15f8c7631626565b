"""The transaction that makes servers."""

import pytest

from nova_mini import db, exception
from nova_mini.compute import block_device_request, create, destination
from nova_mini.compute.server_request import ServerRequest
from nova_mini.conf import CONF
from nova_mini.objects import instance_creation
from nova_mini.objects.image_meta import ImageMeta
from tests.unit.api.openstack.compute.conftest import IMAGE, make_flavor

UNLIMITED = instance_creation.Limits(dict.fromkeys(("instances", "cores", "ram"), -1), {})


@pytest.fixture
def new(database, context):
    request = ServerRequest(
        display_name="s", flavor=make_flavor(), image_ref=IMAGE, admin_password="p",
        requested_networks="none", tags=["t"],
    )  # fmt: skip
    where = destination.resolve(context, request)
    mappings = block_device_request.build_mappings([], IMAGE, request.flavor)
    return create.new_instances(context, request, ImageMeta(id=IMAGE), mappings, None, where, 2)


def rows(*tables) -> list[int]:
    return [len(db.query.many(db.models.metadata.tables[name])) for name in tables]


ALL = ("instances", "request_specs", "block_device_mapping", "instance_actions")


def test_all_is_written(new, context):
    actions = instance_creation.create(context, new, UNLIMITED)
    assert [a.instance_uuid for a in actions] == [item.instance.uuid for item in new]
    assert rows(*ALL) == [2, 2, 2, 2]
    assert db.project_usages.get("project")["instances"] == 2


def test_the_steps_to_it_are_in_each_history(new, context):
    step = ["request to glance: GET /v2/images/1", "2026-01-31T12:00:00", "2026-01-31T12:00:01"]
    actions = instance_creation.create(context, new, UNLIMITED, [step])
    events = db.actions.get_events([action.id for action in actions])
    assert [(e["event"], e["host"]) for e in events] == [(step[0], CONF.host)] * 2
    assert (events[0]["finish_time"] - events[0]["start_time"]).total_seconds() == 1


def test_a_quota_that_was_just_taken_leaves_nothing(new, context):
    limits = instance_creation.Limits({"instances": 1, "cores": -1, "ram": -1}, {})
    with pytest.raises(exception.OverQuota):
        instance_creation.create(context, new, limits)
    assert rows(*ALL) == [0, 0, 0, 0]
    assert db.instances.get_tags([item.instance.uuid for item in new]) == {}
    assert db.project_usages.get("project")["instances"] == 0


def test_a_commit_whose_answer_was_lost_is_found_again(new, context):
    """The transaction runs twice, as it does when the connection breaks at its commit."""
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


def test_secrets_are_not_in_what_is_printed(new):
    assert "admin_password" not in repr(new[0])
    request = ServerRequest(display_name="s", flavor=new[0].instance.flavor, admin_password="xyz")
    assert "xyz" not in repr(request)
