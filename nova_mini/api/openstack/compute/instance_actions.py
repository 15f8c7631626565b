"""``/servers/{id}/os-instance-actions``: what was done to a server, by whom, and how it went."""

from __future__ import annotations

import hashlib

from oslo_utils import timeutils

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import instance_actions as schema
from nova_mini.api.openstack.compute.server_access import get_record, target_of
from nova_mini.objects.instance_action import InstanceAction, InstanceActionList
from nova_mini.policies import instance_actions as actions_policy


class InstanceActionsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.57")
    @validation.query_schema(schema.index_v258, "2.58", "2.65")
    @validation.query_schema(schema.index_v266, "2.66")
    def index(self, req, server_id):
        server = _get_server(req, server_id, actions_policy.LIST)
        if req.api_version < (2, 58):
            actions = InstanceActionList.get_by_instance_uuid(req.context, server.uuid)
            return {"instanceActions": [_summary(req, action) for action in actions]}
        limit, marker = common.get_limit_and_marker(req)
        actions = InstanceActionList.get_by_instance_uuid(
            req.context, server.uuid, limit=limit, marker=marker, **_times(req)
        )
        answer = {"instanceActions": [_summary(req, action) for action in actions]}
        if actions and len(actions) == limit:
            links = common.Links(req, f"servers/{server_id}/os-instance-actions")
            answer["links"] = links.next(actions[-1].request_id)
        return answer

    @validation.query_schema(schema.show, "2.1", "2.74")
    @validation.query_schema(schema.show_v275, "2.75")
    def show(self, req, server_id, id):
        server = _get_server(req, server_id, actions_policy.SHOW)
        action = InstanceAction.get_by_request_id(req.context, server.uuid, id)
        view = _summary(req, action)
        sees_all = policy.authorize(
            req.context, actions_policy.EVENTS, target_of(server), fatal=False
        )
        if sees_all or req.api_version >= (2, 51):
            view["events"] = [
                _event(req, event, server, sees_all) for event in action.get_events()
            ]
        return {"instanceAction": view}


def _get_server(req, server_id: str, rule: str):
    """From 2.21 on, the history outlives the server."""
    return get_record(req, server_id, rule, with_deleted=req.api_version >= (2, 21))


def _times(req) -> dict:
    """The ``changes-*`` filters. Raises InvalidInput when no time can match both."""
    times = {
        name.replace("-", "_"): timeutils.normalize_time(timeutils.parse_isotime(req.query[name]))
        for name in ("changes-since", "changes-before")
        if name in req.query
    }
    if len(times) == 2 and times["changes_since"] > times["changes_before"]:
        raise exception.InvalidInput(
            reason="changes-since must be earlier than or equal to changes-before"
        )
    return times


def _summary(req, action: InstanceAction) -> dict:
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


def _event(req, event, server, sees_all: bool) -> dict:
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
    """A host's name for those who may not know it: the same for one project, another for others."""
    return hashlib.sha224((project_id + host).encode()).hexdigest() if host else ""


def _sees_details(req, server) -> bool:
    return policy.authorize(
        req.context, actions_policy.EVENT_DETAILS, target_of(server), fatal=False
    )
