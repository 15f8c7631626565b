"""What is wrong on this host, for ``nova-mini-manage doctor``: asked over RPC, changes nothing; and
what it then asks to be repaired.

A finding is a dict: kind, instance_uuid (None: the host's own), problem, since (ISO time, or None),
remedy (what :func:`repair` does, or None).
"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute import leftovers, power_state, sync, vm_states
from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance, InstanceList

_POWER_STATE = "power-state"
_WITH_A_GUEST = sync.FOLLOWING | {vm_states.SUSPENDED}


def examine(manager) -> list[dict]:
    """What is seen twice: once may be somebody's work, which has ended when its record is read."""
    first = _look(manager)
    return [found for found in _look(manager) if found in first] if first else []


def repair(manager, kind: str, instance_uuid: str) -> None:
    """What was found of that server, if it is still there. Raises Invalid, Conflict, or what the
    hypervisor or a neighbour refused."""
    if kind == _POWER_STATE:
        sync.sync_one(manager.driver, instance_uuid)
    elif kind not in leftovers.ALL:
        raise exception.Invalid(f"Nothing is known to be done about {kind!r}.")
    elif leftovers.find(manager, leftovers.ALL[kind], [instance_uuid]):
        leftovers.destroy(manager, leftovers.ALL[kind], instance_uuid)
    else:
        raise exception.Conflict("it is not there any more, or belongs here")


def _look(manager) -> list[dict]:
    return [*_leftovers(manager), *_strangers(manager), *_differences(manager)]


def _finding(
    kind: str, instance_uuid: str | None, problem: str, remedy: str | None = None, since=None
):
    return {
        "kind": kind,
        "instance_uuid": instance_uuid,
        "problem": problem,
        "since": since.isoformat() if since else None,
        "remedy": remedy,
    }


def _leftovers(manager) -> list[dict]:
    found = []
    for name, kind in leftovers.ALL.items():
        problem = f"it does not belong there any more, and there is still {kind.what}"
        try:
            uuids = leftovers.find(manager, kind)
        except exception.NovaException as exc:  # a neighbour is away
            problem = f"cannot look for a {name}: {exc.format_message()}"
            found.append(_finding("could-not-look", None, problem))
        else:
            found += [_finding(name, uuid, problem, "is destroyed") for uuid in uuids]
    return found


def _strangers(manager) -> list[dict]:
    """Never touched: they may be of a database that was restored from an old copy."""
    uuids = manager.driver.list_instance_uuids()
    unknown = Instance.unknown_among(get_admin_context(), uuids) if uuids else []
    problem = "no record knows it, and its guest or files are there"
    return [_finding("unknown-guest", uuid, problem) for uuid in unknown]


def _differences(manager) -> list[dict]:
    states = manager.driver.get_power_states()
    found = []
    for instance in InstanceList.get_by_host(get_admin_context(), manager.host):
        if instance.task_state is not None or instance.vm_state not in _WITH_A_GUEST:
            continue
        state = states.get(instance.uuid)
        if state is None:
            problem = f"it is {instance.vm_state} and has no guest; a hard reboot makes it anew"
            found.append(_finding("missing-guest", instance.uuid, problem))
        elif sync.is_news(instance, state):
            problem = (
                f"it is {instance.vm_state} ({power_state.STATE_MAP[instance.power_state]}), and "
                f"its guest is {power_state.STATE_MAP[state]}"
            )
            remedy = "gets the state of its guest"
            found.append(_finding(_POWER_STATE, instance.uuid, problem, remedy))
    return found
