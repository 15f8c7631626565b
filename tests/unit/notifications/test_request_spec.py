"""Notifications about decisions of the scheduler, tasks that have failed, and errors of a host."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.notifications import (
    notify_about_compute_task_error,
    notify_about_exception,
    notify_about_libvirt_connect_error,
    notify_about_select_destinations,
)
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_group import InstanceGroup
from nova_mini.objects.request_spec import RequestSpec
from tests.unit.db import records
from tests.unit.versioned_notifications import versioned  # noqa: F401

UUID = "11111111-0000-4000-8000-000000000001"


@pytest.fixture
def sent(versioned):  # noqa: F811
    return versioned


def make_spec(**fields) -> RequestSpec:
    amounts = {"vcpus": 1, "memory_mb": 64, "local_gb": 1, "extra_specs": {}}
    return RequestSpec(instance_uuid=UUID, image_properties={}, **amounts, **fields)


def test_a_decision(sent, context):
    spec = make_spec(
        project_id="project",
        availability_zone="z",
        requested_host="h1",
        ignore_hosts=["h2"],
        scheduler_hints={"group": UUID, "different_host": [UUID]},
    )
    spec.instance_group = InstanceGroup(
        uuid=UUID, name="g", user_id="u", project_id="p", policy="affinity", rules={}
    )
    notify_about_select_destinations(context, spec, 3, "start")
    (one,) = sent
    assert (one.event, one.name) == ("scheduler.select_destinations.start", "RequestSpecPayload")
    assert one.publisher.startswith("nova-scheduler:")
    data = one.data
    assert (data["num_instances"], data["availability_zone"]) == (3, "z")
    assert data["scheduler_hints"] == {"group": [UUID], "different_host": [UUID]}
    assert data["requested_destination"]["nova_object.data"]["host"] == "h1"
    assert data["instance_group"]["nova_object.data"]["policy"] == "affinity"
    assert data["ignore_hosts"] == ["h2"]


def test_what_a_spec_does_not_have_is_null(sent, context):
    notify_about_select_destinations(context, make_spec(), 1, "end")
    for name in ("instance_group", "requested_destination", "force_hosts", "ignore_hosts"):
        assert sent[0].data[name] is None


@pytest.mark.parametrize(
    ("event", "task"),
    [
        ("create.error", "build_instances"),
        ("resize.error", "migrate_server"),
        ("live_migration.error", "migrate_server"),
        ("rebuild.error", "rebuild_server"),
    ],
)
def test_a_failed_task(sent, context, event, task):
    instance = Instance.get_by_uuid(context, records.add_server(vm_state="error"))
    fault = exception.NoValidHost(reason="full")
    notify_about_compute_task_error(context, instance, event, fault)
    (one,) = sent
    assert (one.event, one.priority) == (f"compute_task.{task}.error", "error")
    assert one.publisher.startswith("nova-conductor:")
    assert (one.data["instance_uuid"], one.data["state"]) == (instance.uuid, "error")
    assert one.data["reason"]["nova_object.data"]["exception"] == "NoValidHost"


def test_a_failed_unshelve_is_no_task_of_nova(sent, context):
    instance = Instance.get_by_uuid(context, records.add_server())
    notify_about_compute_task_error(context, instance, "unshelve.error", ValueError("x"))
    assert sent == []


def test_errors_of_a_host_have_no_secrets(sent, context):
    fault = exception.NovaException("refused: {'password': 'secret-word'}")
    notify_about_exception(context, fault)
    notify_about_libvirt_connect_error(context, fault)
    assert [(each.event, each.priority) for each in sent] == [
        ("compute.exception", "error"),
        ("libvirt.connect.error", "error"),
    ]
    assert sent[0].payload == sent[1].data["reason"]
    assert "refused" in sent[0].data["exception_message"]
    assert "secret" not in str(sent)
