"""Insert the servers of one request, with all their records, in one transaction."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oslo_db import exception as db_exc

from nova_mini import db
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.objects import instance_changes, quota_claims
from nova_mini.objects.block_device_mapping import NewMapping
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction, Intent, Steps
from nova_mini.objects.intent_transactions import Row
from nova_mini.objects.request_spec import RequestSpecFields

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


@dataclass(slots=True)
class NewInstance:
    """A new server and its records in other tables. ``intent``: of its create action."""

    instance: Instance
    request_spec: RequestSpecFields
    mappings: list[NewMapping]
    tags: list[str]
    intent: Intent = field(repr=False)


def create(
    context: RequestContext,
    new: Sequence[NewInstance],
    limits: quota_claims.Limits,
    steps: Steps = (),
    group_uuid: str | None = None,
) -> list[InstanceAction]:
    """Insert the servers and begin their create actions, which the caller then sends.

    ``steps``: the steps of the request so far, for the history. ``group_uuid``: the server group
    that they join. Raises OverQuota when a concurrent request has used the rest of the quota since
    :func:`.quota_claims.count_that_fit`, GroupMemberLimitExceeded, InstanceGroupNotFound (the group
    was deleted meanwhile).
    """
    try:
        rows = db.session.retried(_write)(context, new, limits, steps, group_uuid)
    except db_exc.DBDuplicateEntry:
        # A retry after the connection broke during the commit: the servers are inserted already.
        rows = db.actions.first_of([item.instance.uuid for item in new])
    for item in new:
        item.instance.obj_reset_changes()
    return [InstanceAction.from_row(context, row) for row in rows]


def _write(
    context: RequestContext,
    new: Sequence[NewInstance],
    limits: quota_claims.Limits,
    steps: Steps,
    group_uuid: str | None,
) -> list[Row]:
    stamp = utcnow()
    instances = [item.instance for item in new]
    with db.session.writer():
        db.instances.create_many(
            [
                {**instance.columns(), "uuid": instance.uuid, "updated_at": stamp}
                for instance in instances
            ]
        )
        for instance in instances:
            instance_changes.report(instance, ["created_at"])
        db.request_specs.create_many({item.instance.uuid: item.request_spec for item in new})
        db.block_device_mappings.create_many(
            [dataclasses.asdict(mapping) for item in new for mapping in item.mappings]
        )
        db.instance_tags.add_tags({item.instance.uuid: item.tags for item in new})
        rows = db.actions.begin_many([_create_action(context, item) for item in new])
        db.actions.record_steps([row["id"] for row in rows], CONF.host, steps)
        if group_uuid:
            _join_group(context, group_uuid, instances, limits)
        count = len(instances)
        requested = {
            "instances": count,
            "cores": count * instances[0].vcpus,
            "ram": count * instances[0].memory_mb,
        }
        quota_claims.claim(instances[0].project_id, instances[0].user_id, requested, limits)
    return rows


def _join_group(
    context: RequestContext, group_uuid: str, instances: list[Instance], limits: quota_claims.Limits
) -> None:
    name = "server_group_members"
    limit = limits.of_user.get(name, limits.of_project[name])
    uuids = [instance.uuid for instance in instances]
    db.instance_groups.add_members(group_uuid, uuids, context.user_id, limit)


def _create_action(context: RequestContext, item: NewInstance) -> dict[str, Any]:
    return {
        "instance_uuid": item.instance.uuid,
        "request_id": context.request_id,
        "user_id": context.user_id,
        "project_id": context.project_id,
        "start_time": context.timestamp,
        **item.intent,
    }
