"""Loads the server of a request, and checks that the policy allows the request."""

from __future__ import annotations

from collections.abc import Collection

from nova_mini import exception, policy
from nova_mini.api.openstack.request import Request
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_list import ServerRecord, get_one


def get_instance(req: Request, server_id: str, rule: str) -> Instance:
    """The server as an object that can be changed.

    ``rule``: the policy rule of the request. Raises PolicyNotAuthorized (403), and InstanceNotFound
    (404) also for a server of another project.
    """
    instance = Instance.get_by_uuid(req.context, server_id)
    _check_visible(req, instance)
    policy.authorize(req.context, rule, target_of(instance))
    return instance


def get_record(
    req: Request,
    server_id: str,
    rule: str,
    include: Collection[str] = (),
    *,
    with_deleted: bool = False,
) -> ServerRecord:
    """The server as a read-only record. ``include``: its parts, see ``objects.instance_list``.

    Raises the same exceptions as :func:`get_instance`.
    """
    record = get_one(server_id, include)
    if record is None or (record.deleted and not with_deleted):
        raise exception.InstanceNotFound(instance_id=server_id)
    _check_visible(req, record)
    policy.authorize(req.context, rule, target_of(record))
    return record


def target_of(server: Instance | ServerRecord) -> dict[str, str]:
    """The ``target`` of :func:`nova_mini.policy.authorize`."""
    return {"project_id": server.project_id, "user_id": server.user_id}


def _check_visible(req: Request, server: Instance | ServerRecord) -> None:
    context = req.context
    sees_all = context.is_admin or "service" in context.roles  # such as Cinder, which swaps volumes
    if not sees_all and server.project_id != context.project_id:
        raise exception.InstanceNotFound(instance_id=server.uuid)
