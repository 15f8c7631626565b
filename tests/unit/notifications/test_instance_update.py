"""compute.instance.update, and that it is sent for what is committed, and only then."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from nova_mini import db, exception, rpc
from nova_mini.conf import CONF
from nova_mini.notifications import watch_instances
from nova_mini.objects import instance_changes
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from tests.unit.db import records


@pytest.fixture
def updates(database, monkeypatch):
    """``updates(option)`` watches the changes. Returns the list of the payloads."""
    payloads: list[dict] = []

    class Notifier:
        def info(self, context, event_type, payload):
            assert event_type == "compute.instance.update"
            payloads.append(payload)

    monkeypatch.setattr(rpc, "are_notifications_enabled", lambda: True)
    monkeypatch.setattr(rpc, "get_notifier", lambda publisher_id: Notifier())

    def watch(option: str | None = "vm_and_task_state") -> list[dict]:
        CONF.set_override("notify_on_state_change", option, group="notifications")
        watch_instances()
        return payloads

    yield watch
    CONF.clear_override("notify_on_state_change", group="notifications")
    instance_changes.listen(None)


@pytest.fixture
def instance(database, context) -> Instance:
    uuid = records.add_server(vm_state="active", task_state=None, display_name="web")
    return Instance.get_by_uuid(context, uuid)


def states(payload: dict) -> tuple:
    names = ("old_state", "state", "old_task_state", "new_task_state")
    return tuple(payload[name] for name in names)


def test_a_change_of_the_task_state(updates, instance):
    sent = updates()
    instance.task_state = "powering-off"
    instance.save()
    (payload,) = sent
    assert states(payload) == ("active", "active", None, "powering-off")
    assert payload["instance_id"] == instance.uuid
    assert payload["state_description"] == "powering-off"
    assert payload["audit_period_beginning"] < payload["audit_period_ending"]
    assert "old_display_name" not in payload and "fixed_ips" not in payload
    instance.vm_state, instance.task_state = "stopped", None
    instance.save()
    assert states(sent[1]) == ("active", "stopped", "powering-off", None)


def test_with_vm_state_a_task_is_no_transition(updates, instance):
    sent = updates("vm_state")
    instance.task_state = "powering-off"
    instance.save()
    instance.vm_state, instance.task_state = "stopped", None
    instance.save()
    assert [states(each) for each in sent] == [
        ("active", "active", "powering-off", "powering-off"),
        ("active", "stopped", "powering-off", None),
    ]


def test_the_former_name(updates, instance):
    sent = updates("vm_state")
    instance.display_name = "db"
    instance.save()
    assert (sent[0]["old_display_name"], sent[0]["display_name"]) == ("web", "db")


def test_metadata(updates, instance):
    sent = updates()
    instance.change_metadata({"role": "db"})
    assert sent[0]["metadata"]["role"] == "db"


def test_an_action_and_its_end(updates, instance, context):
    sent = updates()
    instance.task_state = "rebooting"
    action = InstanceAction.begin(context, instance, "reboot", method="m")
    action.abandon(context, instance)
    assert [states(each)[2:] for each in sent] == [(None, "rebooting"), ("rebooting", None)]


@pytest.mark.parametrize("by_save", [True, False])
def test_a_deleted_server(updates, instance, by_save):
    sent = updates()
    for _ in range(2):
        if by_save and not sent:
            instance.deleted = True
            instance.save()
        else:
            instance.destroy()
    assert [states(each) for each in sent] == [("active", "deleted", None, None)]


def test_an_object_that_a_compute_has_sent(updates, instance, context):
    """Its former state is read, because this process has not loaded it."""
    instance.stored = None
    sent = updates()
    instance.vm_state = "error"
    instance.save()
    assert states(sent[0])[:2] == ("active", "error")


def test_what_is_not_committed_is_not_reported(updates, instance):
    sent = updates()
    instance.vm_state = "error"
    with pytest.raises(RuntimeError), db.session.writer():
        instance.save()
        raise RuntimeError("rolled back")
    instance.vm_state = "error"
    with pytest.raises(exception.UnexpectedTaskStateError):
        instance.save(expected_task_state="deleting")
    assert sent == []


def test_addresses_are_not_reported(updates, instance):
    sent = updates()
    instance.network_info = instance.network_info
    instance.save()
    assert sent == []


def test_nothing_is_read_or_sent_without_the_option(updates, instance):
    sent = updates(None)
    instance.stored = None
    before = _statements(instance)
    watched = updates()
    instance.stored = None
    assert _statements(instance) == before + 1
    assert len(watched) == len(sent) == 1


def test_no_query_more_for_what_this_process_has_read(updates, instance, context):
    updates(None)
    before = _statements(instance)
    updates()
    assert _statements(Instance.get_by_uuid(context, instance.uuid)) == before


def _statements(instance: Instance) -> int:
    """The number of statements of a change of the state."""
    seen = []
    engine = db.session.get_engine()
    sa.event.listen(engine, "before_cursor_execute", lambda *args: seen.append(args[2]))
    instance.task_state = f"{instance.task_state}+"
    instance.save()
    return len(seen)


@pytest.mark.parametrize("breaks", ["payload", "broker"])
def test_a_failure_changes_nothing(updates, instance, monkeypatch, breaks, caplog):
    updates()
    if breaks == "payload":
        del instance._obj_flavor  # as in an object of another release
    else:

        def refuse(publisher_id):
            raise OSError("no broker")

        monkeypatch.setattr(rpc, "get_notifier", refuse)
    instance.task_state = "powering-off"
    instance.save()
    assert "update" in caplog.text
    row = db.instances.get_by_uuid(instance.uuid)
    assert row["task_state"] == "powering-off"
