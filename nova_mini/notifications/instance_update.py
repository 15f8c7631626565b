"""The notification ``compute.instance.update``: after each change of a server."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.notifications import instance_action, versioned, versioned_payloads
from nova_mini.notifications.instance import description_of
from nova_mini.notifications.sending import send, sends_unversioned
from nova_mini.notifications.versioned_events import Event
from nova_mini.objects import audit_period, instance_changes

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance

LOG = logging.getLogger(__name__)

_TIME = "%Y-%m-%dT%H:%M:%S.%f"


def watch_instances() -> None:
    """Send the notification for each change that this process commits, if
    ``[notifications] notify_on_state_change`` is set. Called when a service starts that has a
    database."""
    wanted = CONF.notifications.notify_on_state_change
    instance_changes.listen(_notify if wanted else None)


def notify_about_instance_update(context: RequestContext, instance: Instance) -> None:
    """Send the notification for a change of something that is not in the record of the server: its
    tags. Called by the API, as in Nova without a regard to ``notify_on_state_change``."""
    now = instance.summary()
    _send(context, instance_changes.Change(instance, now, now), versioned.API)


def _notify(change: instance_changes.Change) -> None:
    before, after = change.before, change.after
    if not _is_reported_transition(before, after):
        before = after._replace(display_name=before.display_name)
        change = instance_changes.Change(change.instance, before, after)
    _send(change.instance._context, change, versioned.COMPUTE)


def _is_reported_transition(
    before: instance_changes.Summary, after: instance_changes.Summary
) -> bool:
    if before.vm_state != after.vm_state:
        return True
    with_tasks = CONF.notifications.notify_on_state_change == "vm_and_task_state"
    return with_tasks and before.task_state != after.task_state


def _send(context: RequestContext, change: instance_changes.Change, source: str) -> None:
    period = audit_period.current(CONF.instance_usage_audit_period, utcnow())
    if sends_unversioned():
        _send_unversioned(context, change, period)

    def make() -> dict:
        data = versioned_payloads.of_instance(context, change.instance)
        return data | versioned_payloads.of_change(change, period)

    instance_action.send(context, Event("update"), source, make)


def _send_unversioned(
    context: RequestContext, change: instance_changes.Change, period: audit_period.Period
) -> None:
    try:
        payload = _payload(change, period)
    except Exception:  # the change is committed, and must not seem to have failed
        LOG.exception("Instance %s: no compute.instance.update was made", change.instance.uuid)
        return
    send(context, f"compute.{CONF.host}", "compute.instance.update", payload)


def _payload(change: instance_changes.Change, period: audit_period.Period) -> dict:
    before, after = change.before, change.after
    begin, end = period
    payload = {
        **description_of(change.instance),
        "old_state": before.vm_state,
        "state": after.vm_state,
        "old_task_state": before.task_state,
        "new_task_state": after.task_state,
        "state_description": after.task_state or "",
        "audit_period_beginning": begin.strftime(_TIME),
        "audit_period_ending": end.strftime(_TIME),
    }
    if before.display_name != after.display_name:
        payload["old_display_name"] = before.display_name
    return payload
