"""``/os-hypervisors``: the resources of the compute hosts and their use."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import webob.exc

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import hypervisors as schema
from nova_mini.api.openstack.compute.views import hypervisors as view
from nova_mini.api.openstack.request import Request
from nova_mini.objects.compute_node import ComputeNode, ComputeNodeList
from nova_mini.objects.service import Service, ServiceList
from nova_mini.policies import hypervisors as hypervisors_policy

_BINARY = "nova-mini-compute"
_View = Callable[[Request, ComputeNode, Service], dict]


class HypervisorsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.32")
    @validation.query_schema(schema.index_v233, "2.33", "2.52")
    @validation.query_schema(schema.index_v253, "2.53")
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, hypervisors_policy.LIST)
        return _collection(req, view.basic, "")

    @validation.query_schema(schema.index, "2.1", "2.32")
    @validation.query_schema(schema.index_v233, "2.33", "2.52")
    @validation.query_schema(schema.index_v253, "2.53")
    def detail(self, req: Request) -> dict:
        policy.authorize(req.context, hypervisors_policy.LIST_DETAIL)
        return _collection(req, view.detail, "/detail")

    @validation.query_schema(schema.show, "2.1", "2.52")
    @validation.query_schema(schema.show_v253, "2.53")
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, hypervisors_policy.SHOW)
        node, service = _get(req, id)
        shown = view.detail(req, node, service)
        if _with_servers(req):
            _add_servers(req, [shown], [node])
        return {"hypervisor": shown}

    @wsgi.api_version("2.1", "2.87")
    @validation.query_schema(schema.nothing)
    def uptime(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, hypervisors_policy.UPTIME)
        node, service = _get(req, id)
        if not service.is_up:
            raise exception.InvalidInput(
                reason=f"Compute service of {node.host} is unavailable at this time."
            )
        if node.uptime is None:
            raise webob.exc.HTTPNotImplemented("Virt driver does not implement uptime function.")
        return {"hypervisor": {**view.basic(req, node, service), "uptime": node.uptime}}

    @wsgi.api_version("2.1", "2.87")
    @validation.query_schema(schema.nothing)
    def statistics(self, req: Request) -> dict:
        policy.authorize(req.context, hypervisors_policy.STATISTICS)
        sums = ComputeNodeList.get_sums(req.context)
        return {"hypervisor_statistics": view.statistics(sums)}

    @wsgi.api_version("2.1", "2.52")
    def search(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, hypervisors_policy.SEARCH)
        nodes = _matching(req, id)
        return {"hypervisors": _views(req, view.basic, nodes)}

    @wsgi.api_version("2.1", "2.52")
    def servers(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, hypervisors_policy.SERVERS)
        nodes = _matching(req, id)
        views = _views(req, view.basic, nodes)
        _add_servers(req, views, nodes)
        return {"hypervisors": views}


def _collection(req: Request, make_view: _View, path: str) -> dict:
    pattern = req.query.get("hypervisor_hostname_pattern") if req.api_version >= (2, 53) else None
    limit, marker = None, None
    if req.api_version >= (2, 33):
        limit, marker = common.get_limit_and_marker(req)
        if pattern and ("limit" in req.query or "marker" in req.query):
            raise exception.InvalidInput(
                reason="hypervisor_hostname_pattern cannot be used with limit or marker"
            )
    nodes = ComputeNodeList.get_page(req.context, pattern, limit, _marker(req, marker))
    if pattern and not nodes:
        raise exception.NotFound(f"No hypervisor matching '{pattern}' could be found.")
    views = _views(req, make_view, nodes)
    if _with_servers(req):
        _add_servers(req, views, nodes)
    response = {"hypervisors": views}
    if limit and len(nodes) == limit and not pattern:
        last = str(view.hypervisor_id(req, nodes[-1]))
        response["hypervisors_links"] = common.Links(req, "os-hypervisors").next(last, path)
    return response


def _marker(req: Request, marker: str | None) -> str | int | None:
    if marker is None or req.api_version >= (2, 53):
        return marker
    number = common.to_id(marker)
    if number is None:
        raise exception.MarkerNotFound(marker=marker)
    return number


def _views(req: Request, make_view: _View, nodes: ComputeNodeList) -> list[dict]:
    """Without nodes that have no service."""
    services = {s.host: s for s in ServiceList.get_all(req.context, binary=_BINARY)}
    return [make_view(req, node, services[node.host]) for node in nodes if node.host in services]


def _add_servers(req: Request, views: list[dict], nodes: Sequence[ComputeNode]) -> None:
    found = ComputeNodeList.get_servers(req.context, [node.host for node in nodes])
    host_of = {view.hypervisor_id(req, node): node.host for node in nodes}
    for each in views:
        servers = found.get(host_of[each["id"]], [])
        if servers or req.api_version >= (2, 75):
            each["servers"] = view.servers(servers)


def _with_servers(req: Request) -> bool:
    return req.api_version >= (2, 53) and common.is_true(req.query.get("with_servers"))


def _get(req: Request, hypervisor_id: str) -> tuple[ComputeNode, Service]:
    key = hypervisor_id if req.api_version >= (2, 53) else common.to_id(hypervisor_id)
    if key is None:
        raise exception.ComputeHostNotFound(host=hypervisor_id[:64])
    node = ComputeNode.get_by_key(req.context, key)
    try:
        return node, Service.get_by_host_and_binary(req.context, node.host, _BINARY)
    except exception.ServiceNotFound as exc:
        raise exception.ComputeHostNotFound(host=hypervisor_id) from exc


def _matching(req: Request, name_part: str) -> ComputeNodeList:
    nodes = ComputeNodeList.get_page(req.context, name_part)
    if not nodes:
        raise exception.NotFound(f"No hypervisor matching '{name_part[:64]}' could be found.")
    return nodes
