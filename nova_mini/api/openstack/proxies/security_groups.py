"""``/os-security-groups`` and ``/os-security-group-rules``: security groups of Neutron."""

from __future__ import annotations

from oslo_utils import uuidutils

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.views import security_groups as view
from nova_mini.api.openstack.proxies import schemas, service
from nova_mini.api.openstack.proxies.security_group_rule import neutron_rule
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.network.neutron import security_groups
from nova_mini.network.neutron.client import NeutronClient
from nova_mini.policies import proxies as proxy_policy


class SecurityGroupsController(wsgi.Controller):
    @wsgi.api_version("2.1", service.LAST)
    @validation.query_schema(schemas.security_groups)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, proxy_policy.SECURITY_GROUPS_GET)
        client = service.neutron(req)
        sees_all = req.context.is_admin and common.is_true(req.query.get("all_tenants"))
        filters = {} if sees_all else {"project_id": req.context.project_id}
        first = int(req.query.get("offset") or 0)
        limit = min(int(req.query.get("limit") or CONF.api.max_limit), CONF.api.max_limit)
        groups = client.list("security-groups", **filters)[first : first + limit]
        return {"security_groups": view.views(groups, _sources(client, groups))}

    @wsgi.api_version("2.1", service.LAST)
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, proxy_policy.SECURITY_GROUPS_SHOW)
        client = service.neutron(req)
        return _shown(client, _get(client, id))

    @wsgi.api_version("2.1", service.LAST)
    @validation.schema(schemas.security_group)
    def create(self, req: Request, body: dict) -> dict:
        policy.authorize(req.context, proxy_policy.SECURITY_GROUPS_CREATE)
        client = service.neutron(req)
        requested = {**_name_of(body), "project_id": req.context.project_id}
        with service.neutron_errors({409: _over_quota("security group")}):
            made = client.post("security-groups", {"security_group": requested})
        return _shown(client, made["security_group"])

    @wsgi.api_version("2.1", service.LAST)
    @validation.schema(schemas.security_group)
    def update(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, proxy_policy.SECURITY_GROUPS_UPDATE)
        client = service.neutron(req)
        group = _get(client, id)
        return _shown(client, client.update("security-groups", group["id"], _name_of(body)))

    @wsgi.api_version("2.1", service.LAST)
    @wsgi.response(202)
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.SECURITY_GROUPS_DELETE)
        client = service.neutron(req)
        group = _get(client, id)
        in_use = exception.InvalidInput(reason=f"security group {group['id']} is in use")
        with service.neutron_errors({409: in_use}):
            client.delete("security-groups", group["id"])


class SecurityGroupRulesController(wsgi.Controller):
    @wsgi.api_version("2.1", service.LAST)
    @validation.schema(schemas.security_group_rule)
    def create(self, req: Request, body: dict) -> dict:
        """Allow incoming traffic, from addresses or from another group."""
        policy.authorize(req.context, proxy_policy.RULE_CREATE)
        client = service.neutron(req)
        requested = body["security_group_rule"]
        group = _get(client, requested["parent_group_id"])
        source_id = requested.get("group_id")
        sources = {source_id: _get(client, source_id)} if source_id else {}
        rule = {**neutron_rule(requested), "security_group_id": group["id"]}
        errors: dict[int | str, exception.NovaException] = {
            "OverQuota": _over_quota("security group rule"),
            409: exception.InvalidInput(reason="This rule already exists in the group"),
        }
        with service.neutron_errors(errors):
            made = client.post("security-group-rules", {"security_group_rule": rule})
        return {"security_group_rule": view.rule(made["security_group_rule"], sources)}

    @wsgi.api_version("2.1", service.LAST)
    @wsgi.response(202)
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.RULE_DELETE)
        client = service.neutron(req)
        _check_id(id)
        found = client.list("security-group-rules", id=id)
        if not found:
            raise exception.NotFound(f"Security group rule {id} not found.")
        client.delete("security-group-rules", found[0]["id"])


def _name_of(body: dict) -> dict[str, str]:
    return {name: body["security_group"][name] for name in ("name", "description")}


def _get(client: NeutronClient, group_id: str) -> dict:
    _check_id(group_id)
    found = client.list("security-groups", id=group_id)
    if not found:
        raise exception.SecurityGroupNotFound(security_group_id=group_id)
    return found[0]


def _check_id(item_id: str) -> None:
    if not uuidutils.is_uuid_like(item_id):
        raise exception.InvalidInput(reason="the id of a security group or rule is a UUID")


def _sources(client: NeutronClient, groups: list[dict]) -> dict[str, dict]:
    return security_groups.with_sources(client, groups)


def _shown(client: NeutronClient, group: dict) -> dict:
    return {"security_group": view.group(group, _sources(client, [group]))}


def _over_quota(kind: str) -> exception.Forbidden:
    return exception.Forbidden(f"Quota exceeded: the project may have no further {kind}.")
