"""Versioned notifications about servers: which are sent, to which topics, and their payloads."""

from __future__ import annotations

import json

import pytest
from oslo_messaging.notify import _impl_test

from nova_mini import exception, rpc
from nova_mini.conf import CONF
from nova_mini.notifications import (
    Event,
    notify_about_instance_action,
    notify_about_instance_usage,
    notify_usage_exists,
)
from nova_mini.notifications.versioned_events import event_of, payload_of
from nova_mini.objects.instance import Instance
from tests.unit.db import records

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOMqqnkVzrm0SdG6UOoqKLsabgH5C9okWi0dh2l9GKJl"


@pytest.fixture
def sent(database, tmp_path):
    """``sent(format)`` -> the list of (topic, message) that are sent from then on."""

    def start(form: str = "both", **options) -> list[tuple[str, dict]]:
        lines = ["[DEFAULT]", "transport_url = fake:", "[oslo_messaging_notifications]"]
        lines += ["driver = test", "[notifications]", f"notification_format = {form}"]
        lines += [f"{name} = {value}" for name, value in options.items()]
        config = tmp_path / "nova-mini.conf"
        config.write_text("\n".join(lines))
        CONF(["--config-file", str(config)], project="nova-mini")
        rpc.init()
        found = _impl_test.NOTIFICATIONS
        found.clear()
        return found

    rpc.set_defaults()
    yield start
    rpc.cleanup()
    CONF([], project="nova-mini", default_config_files=[])


@pytest.fixture
def instance(database, context) -> Instance:
    values = {"display_name": "web", "key_name": "k", "key_data": KEY, "user_data": "secret"}
    uuid = records.add_server(vm_state="active", **values)
    return Instance.get_by_uuid(context, uuid)


def bodies(found) -> list[dict]:
    return [body for _context, body, _priority, _retry in found]


def types(found) -> list[str]:
    return [body["event_type"] for body in bodies(found)]


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("unversioned", ["compute.instance.pause.start"]),
        ("versioned", ["instance.pause.start"]),
        ("both", ["compute.instance.pause.start", "instance.pause.start"]),
    ],
)
def test_the_format(sent, context, instance, form, expected):
    found = sent(form)
    notify_about_instance_usage(context, instance, "pause.start")
    assert types(found) == expected


def test_the_form_of_a_payload(sent, context, instance):
    found = sent("versioned")
    notify_about_instance_usage(context, instance, "power_off.end")
    (body,) = bodies(found)
    assert body["publisher_id"] == f"nova-compute:{CONF.host}"
    payload = body["payload"]
    data = payload.pop("nova_object.data")
    assert payload == {
        "nova_object.name": "InstanceActionPayload",
        "nova_object.namespace": "nova",
        "nova_object.version": "1.9",
    }
    expected = {
        "uuid": instance.uuid,
        "state": "active",
        "power_state": "running",
        "task_state": None,
        "fault": None,
        "auto_disk_config": "MANUAL",
        "block_devices": None,
        "ip_addresses": [],
    }
    assert {name: data[name] for name in expected} == expected
    assert data["flavor"]["nova_object.name"] == "FlavorPayload"
    assert data["created_at"].endswith("Z")


def test_a_fault_is_an_error_without_secrets(sent, context, instance):
    found = sent("versioned")
    fault = exception.NovaException("refused: {'password': 'secret-word'}")
    notify_about_instance_usage(context, instance, "create.error", fault=fault)
    (body,) = bodies(found)
    assert body["priority"] == "ERROR"
    data = body["payload"]["nova_object.data"]
    assert data["fault"]["nova_object.data"]["exception"] == "NovaException"
    assert "refused" in data["fault"]["nova_object.data"]["exception_message"]
    assert "secret" not in json.dumps(body, default=str)


def test_a_creation_has_key_pair_tags_and_name(sent, context, instance):
    found = sent("versioned")
    instance.set_tags(["a", "b"])
    notify_about_instance_usage(context, instance, "create.end")
    data = bodies(found)[0]["payload"]["nova_object.data"]
    assert (data["tags"], data["instance_name"]) == (["a", "b"], instance.name)
    (key,) = data["keypairs"]
    fields = key["nova_object.data"]
    assert (fields["name"], fields["type"], fields["public_key"]) == ("k", "ssh", KEY)
    assert fields["fingerprint"].count(":") == 15


def test_fields_of_volumes(sent, context, instance):
    found = sent("versioned")
    notify_about_instance_usage(context, instance, "volume.attach", extra={"volume_id": "v"})
    event = Event("volume_detach", "start")
    notify_about_instance_action(context, instance, event, volume_id="w")
    assert types(found) == ["instance.volume_attach.end", "instance.volume_detach.start"]
    volumes = [each["payload"]["nova_object.data"]["volume_id"] for each in bodies(found)]
    assert volumes == ["v", "w"]


def test_exists(sent, context, instance):
    found = sent("both")
    notify_usage_exists(context, instance)
    assert types(found) == ["compute.instance.exists", "instance.exists"]
    period = bodies(found)[1]["payload"]["nova_object.data"]["audit_period"]
    assert period["nova_object.name"] == "AuditPeriodPayload"


@pytest.mark.parametrize(
    ("unversioned", "versioned"),
    [
        ("finish_resize.end", "instance.resize_finish.end"),
        ("resize.prep.start", "instance.resize_prep.start"),
        ("live_migration._post.end", "instance.live_migration_post.end"),
        ("live_migration.rollback.dest.start", "instance.live_migration_rollback_dest.start"),
        ("evacuate", "instance.evacuate"),
    ],
)
def test_the_names(unversioned, versioned):
    assert str(event_of(unversioned)) == versioned


@pytest.mark.parametrize("unversioned", ["unshelve.error", "live_migration.error", "exists"])
def test_these_have_no_counterpart(unversioned):
    assert event_of(unversioned) is None


def test_a_payload_that_cannot_be_made_is_only_logged(sent, context, instance, caplog):
    found = sent("versioned")
    del instance._obj_flavor
    notify_about_instance_usage(context, instance, "pause.start")
    assert found == []
    assert "Notification instance.pause.start: could not be made" in caplog.text


def test_every_payload_has_its_own_fields():
    for action in ("create", "rescue", "snapshot", "resize_prep", "volume_swap"):
        assert payload_of(action).fields
