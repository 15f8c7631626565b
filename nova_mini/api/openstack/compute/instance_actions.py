"""``/servers/{id}/os-instance-actions``: the history of a server: its actions and their events."""

from __future__ import annotations

import hashlib

from nova_mini import disclosure, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import instance_actions as schema
from nova_mini.api.openstack.compute.server_access import get_record, target_of
from nova_mini.api.openstack.request import Request
from nova_mini.objects.instance_action import (
    InstanceAction,
    InstanceActionEvent,
    InstanceActionList,
)
from nova_mini.objects.instance_list import ServerRecord
from nova_mini.policies import instance_actions as actions_policy


class InstanceActionsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.57")
    @validation.query_schema(schema.index_v258, "2.58", "2.65")
    @validation.query_schema(schema.index_v266, "2.66")
    def index(self, req: Request, server_id: str) -> dict:
        server = _get_server(req, server_id, actions_policy.LIST)
        if req.api_version < (2, 58):
            actions = InstanceActionList.get_by_instance_uuid(req.context, server.uuid)
            return {"instanceActions": [_summary(req, action) for action in actions]}
        limit, marker = common.get_limit_and_marker(req)
        actions = InstanceActionList.get_by_instance_uuid(
            req.context, server.uuid, limit=limit, marker=marker, **common.get_changes(req)
        )
        response = {"instanceActions": [_summary(req, action) for action in actions]}
        if actions and len(actions) == limit:
            links = common.Links(req, f"servers/{server_id}/os-instance-actions")
            response["links"] = links.next(actions[-1].request_id)
        return response

    @validation.query_schema(schema.show)
    def show(self, req: Request, server_id: str, id: str) -> dict:
        server = _get_server(req, server_id, actions_policy.SHOW)
        action = InstanceAction.get_by_request_id(req.context, server.uuid, id)
        view = _summary(req, action)
        sees_all = policy.authorize(
            req.context, actions_policy.EVENTS, target_of(server), fatal=False
        )
        if sees_all or req.api_version >= (2, 51):
            view["events"] = [
                _event(req, event, server, sees_all)
                for event in action.get_events()
                if sees_all or disclosure.is_event_for_users(event.event)
            ]
        return {"instanceAction": view}


def _get_server(req: Request, server_id: str, rule: str) -> ServerRecord:
    """From 2.21 on also a deleted server, because its history is kept."""
    return get_record(req, server_id, rule, with_deleted=req.api_version >= (2, 21))


def _summary(req: Request, action: InstanceAction) -> dict:
    view = {
        "action": action.action,
        "instance_uuid": action.instance_uuid,
        "request_id": action.request_id,
        "user_id": action.user_id,
        "project_id": action.project_id,
        "start_time": common.strtime(action.start_time),
        "message": action.message,
    }
    if req.api_version >= (2, 58):
        view["updated_at"] = common.strtime(action.updated_at or action.created_at)
    return view


def _event(req: Request, event: InstanceActionEvent, server: ServerRecord, sees_all: bool) -> dict:
    view = {
        "event": event.event,
        "start_time": common.strtime(event.start_time),
        "finish_time": common.strtime(event.finish_time),
        "result": event.result,
    }
    if sees_all:
        view["traceback"] = event.traceback
    if req.api_version >= (2, 62):
        view["hostId"] = _host_id(event.host, server.project_id)
        if sees_all:
            view["host"] = event.host
    if req.api_version >= (2, 84) and _sees_details(req, server):
        view["details"] = event.details
    return view


def _host_id(host: str | None, project_id: str) -> str:
    """An id that stands for the host's name, which users may not see. It differs per project."""
    return hashlib.sha224((project_id + host).encode()).hexdigest() if host else ""


def _sees_details(req: Request, server: ServerRecord) -> bool:
    return policy.authorize(
        req.context, actions_policy.EVENT_DETAILS, target_of(server), fatal=False
    )
