"""Notifications that contain what servers require of their hosts: ``scheduler.select_destinations``
and ``compute_task.<task>.error``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini import exception
from nova_mini.notifications import fault as faults
from nova_mini.notifications import server_group, versioned
from nova_mini.notifications.versioned import field_of
from nova_mini.objects.request_spec import RequestSpec

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance

# The unversioned event of a server that no host can take -> the task that has failed.
_TASKS = {
    "create.error": "build_instances",
    "live_migration.error": "migrate_server",
    "rebuild.error": "rebuild_server",
    "resize.error": "migrate_server",
}


def notify_about_select_destinations(
    context: RequestContext, spec: RequestSpec, count: int, phase: str
) -> None:
    """Send ``scheduler.select_destinations.PHASE`` for ``count`` servers with equal specs. Called
    by the scheduler."""

    def make() -> dict[str, Any]:
        return payload_of(context, spec, count)

    event_type = f"scheduler.select_destinations.{phase}"
    versioned.send(context, event_type, versioned.SCHEDULER, make)


def notify_about_compute_task_error(
    context: RequestContext, instance: Instance, event: str, fault: BaseException
) -> None:
    """Send ``compute_task.TASK.error`` beside the unversioned ``event`` of the server, if Nova has
    it for this task. Called by the tasks of the conductors."""
    if event not in _TASKS:
        return

    def make() -> dict[str, Any]:
        data = {
            "instance_uuid": instance.uuid,
            "request_spec": _spec_of(context, instance),
            "state": instance.vm_state,
            "reason": faults.payload_of(fault),
        }
        return versioned.serialized("ComputeTaskPayload", "1.0", data)

    event_type = f"compute_task.{_TASKS[event]}.error"
    versioned.send(context, event_type, versioned.CONDUCTOR, make, is_error=True)


def _spec_of(context: RequestContext, instance: Instance) -> dict[str, Any] | None:
    try:
        spec = RequestSpec.get_by_instance_uuid(context, instance.uuid)
    except exception.RequestSpecNotFound:
        return None
    return payload_of(context, spec, 1)


def payload_of(context: RequestContext, spec: RequestSpec, count: int) -> dict[str, Any]:
    """A spec of this cloud has the amounts of the flavor and the properties of the image, but
    neither flavor nor image; NUMA nodes are computed from them."""
    data = {
        "instance_uuid": spec.instance_uuid,
        "project_id": field_of(spec, "project_id"),
        "user_id": context.user_id,
        "availability_zone": field_of(spec, "availability_zone"),
        "flavor": None,
        "force_hosts": field_of(spec, "force_host"),
        "force_nodes": field_of(spec, "force_node"),
        "ignore_hosts": field_of(spec, "ignore_hosts"),
        "instance_group": _group_of(spec),
        "image": None,
        "numa_topology": None,
        "pci_requests": None,
        "num_instances": count,
        "requested_destination": _destination_of(spec),
        "retry": None,
        "scheduler_hints": _hints_of(spec),
        "security_groups": [],
    }
    return versioned.serialized("RequestSpecPayload", "1.1", data)


def _group_of(spec: RequestSpec) -> dict[str, Any] | None:
    return server_group.payload_of(spec.instance_group) if spec.instance_group else None


def _destination_of(spec: RequestSpec) -> dict[str, Any] | None:
    host = field_of(spec, "requested_host")
    if host is None:
        return None
    data = {"host": host, "node": None, "cell": None, "aggregates": None}
    return versioned.serialized("DestinationPayload", "1.0", data)


def _hints_of(spec: RequestSpec) -> dict[str, list[str]]:
    hints = field_of(spec, "scheduler_hints", {})
    return {
        name: [str(each) for each in (value if isinstance(value, list) else [value])]
        for name, value in hints.items()
    }
