"""The server that a request names, for who may do with it what the request wants."""

from __future__ import annotations

from collections.abc import Collection

from nova_mini import exception, policy
from nova_mini.api.openstack.request import Request
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_list import ServerRecord, get_one


def get_instance(req: Request, server_id: str, rule: str) -> Instance:
    """To be changed. Raises InstanceNotFound (404), also when it is another project's, and
    PolicyNotAuthorized."""
    instance = Instance.get_by_uuid(req.context, server_id)
    _check_visible(req, instance)
    policy.authorize(req.context, rule, target_of(instance))
    return instance


def get_record(
    req: Request,
    server_id: str,
    rule: str,
    want: Collection[str] = (),
    *,
    with_deleted: bool = False,
) -> ServerRecord:
    """To be shown, with what ``want`` says (see ``objects.instance_list``). Raises as above."""
    record = get_one(server_id, want)
    if record is None or (record.deleted and not with_deleted):
        raise exception.InstanceNotFound(instance_id=server_id)
    _check_visible(req, record)
    policy.authorize(req.context, rule, target_of(record))
    return record


def target_of(server: Instance | ServerRecord) -> dict[str, str]:
    return {"project_id": server.project_id, "user_id": server.user_id}


def _check_visible(req: Request, server: Instance | ServerRecord) -> None:
    context = req.context
    sees_all = context.is_admin or "service" in context.roles  # such as Cinder, who moves volumes
    if not sees_all and server.project_id != context.project_id:
        raise exception.InstanceNotFound(instance_id=server.uuid)
