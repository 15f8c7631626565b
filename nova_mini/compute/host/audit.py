"""The audit of a host for ``nova-mini-manage doctor``, and the repair of a finding."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute.host import orphans, power_sync
from nova_mini.compute.host.host_services import HostServices
from nova_mini.context import get_admin_context
from nova_mini.objects.host_finding import HostFinding
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_collection import InstanceList
from nova_mini.states import power_state, vm_states

_POWER_STATE = "power-state"
_WITH_A_GUEST = power_sync.FOLLOWING | {vm_states.SUSPENDED}


def audit(services: HostServices) -> list[HostFinding]:
    """Return the findings that two passes have in common; changes nothing.

    A finding of only one pass can be the work of an operation that has just ended.
    """
    first = _find(services)
    return [finding for finding in _find(services) if finding in first] if first else []


def repair(services: HostServices, kind: str, instance_uuid: str) -> None:
    """Repair a finding. Raises Invalid for an unknown kind, Conflict if the problem does not exist
    any more, and the errors of the hypervisor and of external services."""
    if kind == _POWER_STATE:
        power_sync.sync_one(services.driver, instance_uuid)
    elif kind not in orphans.ALL:
        raise exception.Invalid(f"There is no repair for {kind!r}.")
    elif orphans.find(services, orphans.ALL[kind], [instance_uuid]):
        orphans.destroy(services, orphans.ALL[kind], instance_uuid)
    else:
        raise exception.Conflict("the problem does not exist any more")


def _find(services: HostServices) -> list[HostFinding]:
    return [*_orphans(services), *_unknown_guests(services), *_state_differences(services)]


def _finding(
    kind: str, instance_uuid: str | None, problem: str, remedy: str | None = None
) -> HostFinding:
    return {
        "kind": kind,
        "instance_uuid": instance_uuid,
        "problem": problem,
        "since": None,
        "remedy": remedy,
    }


def _orphans(services: HostServices) -> list[HostFinding]:
    findings: list[HostFinding] = []
    for name, kind in orphans.ALL.items():
        problem = f"it {kind.reason}, and this host still has {kind.description}"
        try:
            uuids = orphans.find(services, kind)
        except exception.NovaException as exc:  # an external service is not available
            problem = f"could not look for {kind.description}: {exc.format_message()}"
            findings.append(_finding("could-not-look", None, problem))
        else:
            findings += [_finding(name, uuid, problem, "is destroyed") for uuid in uuids]
    return findings


def _unknown_guests(services: HostServices) -> list[HostFinding]:
    """Guests without a record. They are never destroyed: the database may be an old backup."""
    uuids = services.driver.list_instance_uuids()
    unknown = Instance.unknown_among(get_admin_context(), uuids) if uuids else []
    problem = "it has no record, but a guest or files"
    return [_finding("unknown-guest", uuid, problem) for uuid in unknown]


def _state_differences(services: HostServices) -> list[HostFinding]:
    states = services.driver.get_power_states()
    findings: list[HostFinding] = []
    for instance in InstanceList.get_by_host(get_admin_context(), services.name):
        if instance.task_state is not None or instance.vm_state not in _WITH_A_GUEST:
            continue
        state = states.get(instance.uuid)
        if state is None:
            remedy = "an unrescue" if instance.vm_state == vm_states.RESCUED else "a hard reboot"
            problem = f"it is {instance.vm_state} and has no guest; {remedy} creates it again"
            findings.append(_finding("missing-guest", instance.uuid, problem))
        elif power_sync.is_changed(instance, state):
            problem = (
                f"it is {instance.vm_state} ({power_state.STATE_MAP[instance.power_state]}), and "
                f"its guest is {power_state.STATE_MAP[state]}"
            )
            remedy = "gets the state of its guest"
            findings.append(_finding(_POWER_STATE, instance.uuid, problem, remedy))
    return findings
