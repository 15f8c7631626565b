"""New servers written down: all that belongs to one request, in one transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from oslo_db import exception as db_exc

from nova_mini import db, exception
from nova_mini.conf import CONF
from nova_mini.objects.base import utcnow
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.trace import Steps


@dataclass(slots=True)
class NewInstance:
    """A server with what stands beside its record.

    ``request_spec`` is RequestSpec.as_dict(); ``mappings`` have the fields of BlockDeviceMapping;
    ``args`` (JSON) is what the build needs and no record keeps.
    """

    instance: Instance
    request_spec: dict
    mappings: list[dict]
    tags: list[str]
    args: dict = field(repr=False)


@dataclass(slots=True)
class Limits:
    """resource -> limit, -1 for none: all of a project's, and those that were set for its user."""

    of_project: dict[str, int]
    of_user: dict[str, int]


# -- quota ---------------------------------------------------------------------------------------


def count_within_quota(
    context, each: dict[str, int], limits: Limits, minimum: int, maximum: int
) -> int:
    """How many servers of ``each`` {"cores", "ram"} fit, at most ``maximum``.

    Only a look: :func:`create` takes. Raises OverQuota when not even ``minimum`` fit.
    """
    cost = {"instances": 1, **each}
    used = db.project_usages.get(context.project_id)
    count = _count_that_fit(cost, used, limits.of_project, minimum, maximum)
    if limits.of_user:
        used = db.project_usages.get_of_user(context.project_id, context.user_id)
        count = _count_that_fit(cost, used, limits.of_user, minimum, count)
    return count


def _count_that_fit(cost: dict, used: dict, limits: dict, minimum: int, maximum: int) -> int:
    limited = [name for name in cost if cost[name] and limits.get(name, -1) >= 0]
    fits = {name: max(0, limits[name] - used[name]) // cost[name] for name in limited}
    count = min([maximum, *fits.values()])
    if count >= minimum:
        return count
    overs = [name for name in limited if fits[name] < minimum]
    raise exception.OverQuota(
        overs=", ".join(overs),
        req=", ".join(str(cost[name] * minimum) for name in overs),
        used=", ".join(str(used[name]) for name in overs),
        allowed=", ".join(f"{limits[name]} {name}" for name in overs),
    )


def _take_quota(context, instances: list[Instance], limits: Limits) -> None:
    """Last in the transaction: the project's row is where its requests wait for one another."""
    count = len(instances)
    asked = {
        "instances": count,
        "cores": count * instances[0].vcpus,
        "ram": count * instances[0].memory_mb,
    }
    taken = db.project_usages.claim(context.project_id, asked, limits.of_project)
    if taken and limits.of_user:
        used = db.project_usages.get_of_user(context.project_id, context.user_id)
        taken = not any(0 <= limits.of_user.get(name, -1) < used[name] for name in asked)
    if not taken:
        raise exception.OverQuota("Quota exceeded: another request just took what was left of it.")


# -- records -------------------------------------------------------------------------------------


def create(
    context, new: Sequence[NewInstance], limits: Limits, steps: Steps = ()
) -> list[InstanceAction]:
    """Write the servers and begin their create actions, which the caller then sends. ``steps`` were
    walked on the way here.

    Raises OverQuota, when another request took what was left since one looked.
    """
    try:
        rows = db.session.retried(_write)(context, new, limits, steps)
    except db_exc.DBDuplicateEntry:
        # The connection broke at the commit, which was done: the uuids are there already.
        rows = db.actions.first_of([item.instance.uuid for item in new])
    for item in new:
        item.instance.obj_reset_changes()
    return [InstanceAction.from_row(context, row) for row in rows]


def _write(context, new: Sequence[NewInstance], limits: Limits, steps: Steps) -> list:
    stamp = utcnow()
    instances = [item.instance for item in new]
    with db.session.writer():
        db.instances.create_many(
            [
                {**instance.columns(), "uuid": instance.uuid, "updated_at": stamp}
                for instance in instances
            ]
        )
        db.request_specs.create_many({item.instance.uuid: item.request_spec for item in new})
        db.block_device_mappings.create_many([m for item in new for m in item.mappings])
        db.instances.add_tags({item.instance.uuid: item.tags for item in new})
        rows = db.actions.begin_many([_create_action(context, item) for item in new])
        db.actions.record_steps([row["id"] for row in rows], CONF.host, steps)
        _take_quota(context, instances, limits)
    return rows


def _create_action(context, item: NewInstance) -> dict:
    return {
        "instance_uuid": item.instance.uuid,
        "action": "create",
        "request_id": context.request_id,
        "user_id": context.user_id,
        "project_id": context.project_id,
        "method": "schedule_and_build_instances",
        "args": item.args,
    }
