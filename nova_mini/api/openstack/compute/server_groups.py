"""``/os-server-groups``: servers that must be, or should be, on the same host or on different
ones."""

from __future__ import annotations

from oslo_utils import uuidutils

from nova_mini import exception, policy, quota, server_groups
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import server_groups as schema
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.notifications import notify_about_server_group_update
from nova_mini.objects.instance_group import InstanceGroup, InstanceGroupList
from nova_mini.policies import server_groups as groups_policy


class ServerGroupsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, groups_policy.INDEX)
        limit = int(req.query.get("limit") or 0) or CONF.api.max_limit
        groups = InstanceGroupList.get_page(
            req.context,
            None if _wants_all_projects(req) else req.context.project_id,
            min(limit, CONF.api.max_limit),
            int(req.query.get("offset") or 0),
        )
        return {"server_groups": [_view(req, group) for group in groups]}

    def show(self, req: Request, id: str) -> dict:
        group = _get(req, id, groups_policy.SHOW)
        group.load_members()
        return {"server_group": _view(req, group)}

    @validation.schema(schema.create, "2.1", "2.14")
    @validation.schema(schema.create_v215, "2.15", "2.63")
    @validation.schema(schema.create_v264, "2.64")
    def create(self, req: Request, body: dict) -> dict:
        policy.authorize(req.context, groups_policy.CREATE)
        requested = body["server_group"]
        group = InstanceGroup(
            req.context,
            uuid=uuidutils.generate_uuid(),
            project_id=req.context.project_id,
            user_id=req.context.user_id,
            name=requested["name"],
            policy=requested["policy"] if "policy" in requested else requested["policies"][0],
            rules={name: int(value) for name, value in requested.get("rules", {}).items()},
        )
        if group.rules and group.policy != server_groups.ANTI_AFFINITY:
            raise exception.InvalidInput(reason="Only anti-affinity policy supports rules.")
        of_project, of_user = quota.get_project_and_user_limits(req.context)
        group.create(of_project["server_groups"], of_user.get("server_groups", -1))
        notify_about_server_group_update(req.context, group, "create", _attributes(group))
        return {"server_group": _view(req, group)}

    @wsgi.response(204)
    def delete(self, req: Request, id: str) -> None:
        group = _get(req, id, groups_policy.DELETE)
        group.destroy()
        notify_about_server_group_update(req.context, group, "delete")


def _wants_all_projects(req: Request) -> bool:
    """The parameter has no effect for users, as in Nova."""
    return "all_projects" in req.query and policy.authorize(
        req.context, groups_policy.INDEX_ALL_PROJECTS, fatal=bool(req.context.is_admin)
    )


def _get(req: Request, group_uuid: str, rule: str) -> InstanceGroup:
    """Raises InstanceGroupNotFound also for a group of another project."""
    group = InstanceGroup.get_by_uuid(req.context, group_uuid[:64])
    if not group.is_visible_to(req.context):
        raise exception.InstanceGroupNotFound(group_uuid=group_uuid[:64])
    policy.authorize(req.context, rule, {"project_id": group.project_id, "user_id": group.user_id})
    return group


def _attributes(group: InstanceGroup) -> dict:
    return {
        "name": group.name,
        "policy": group.policy,
        "rules": group.rules,
        "project_id": group.project_id,
        "user_id": group.user_id,
    }


def _view(req: Request, group: InstanceGroup) -> dict:
    members = group.members if group.obj_attr_is_set("members") else []
    view = {"id": group.uuid, "name": group.name, "members": members}
    if req.api_version >= (2, 64):
        view |= {"policy": group.policy, "rules": group.rules}
    else:
        view |= {"policies": [group.policy], "metadata": {}}
    if req.api_version >= (2, 13):
        view |= {"project_id": group.project_id, "user_id": group.user_id}
    return view
