"""``/servers``"""

from __future__ import annotations

from collections.abc import Callable

from nova_mini import policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute import server_body, server_filters
from nova_mini.api.openstack.compute.schemas import server_list as list_schema
from nova_mini.api.openstack.compute.schemas import servers as schema
from nova_mini.api.openstack.compute.server_access import get_instance, get_record
from nova_mini.api.openstack.compute.views.servers import ViewBuilder
from nova_mini.api.openstack.request import Request
from nova_mini.compute.api import API
from nova_mini.conf import CONF
from nova_mini.objects import instance_list
from nova_mini.objects.instance_list import ServerRecord
from nova_mini.policies import servers as server_policy
from nova_mini.trace import traced


def _list_schemas(method: Callable) -> Callable:
    for query, first, last in (
        (list_schema.index, "2.1", "2.25"),
        (list_schema.index_v226, "2.26", "2.65"),
        (list_schema.index_v266, "2.66", "2.72"),
        (list_schema.index_v273, "2.73", "2.74"),
        (list_schema.index_v275, "2.75", None),
    ):
        method = validation.query_schema(query, first, last)(method)
    return method


class ServersController(wsgi.Controller):
    def __init__(self) -> None:
        self.compute_api = API()

    # -- read ------------------------------------------------------------------------------------

    @_list_schemas
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, server_policy.INDEX)
        view = ViewBuilder(req)
        query = server_filters.parse(req, server_policy.INDEX_ALL_TENANTS)
        return _page(req, query, "", instance_list.get_brief_page, view.basic)

    @_list_schemas
    def detail(self, req: Request) -> dict:
        policy.authorize(req.context, server_policy.DETAIL)
        view = ViewBuilder(req, listing=True)
        query = server_filters.parse(req, server_policy.DETAIL_ALL_TENANTS)

        def get_page(filters, **options):
            return instance_list.get_page(filters, include=view.include, **options)

        return _page(req, query, "/detail", get_page, view.show)

    def show(self, req: Request, id: str) -> dict:
        view = ViewBuilder(req)
        record = get_record(req, id, server_policy.SHOW, include=view.include)
        return {"server": view.show(record)}

    # -- change ----------------------------------------------------------------------------------

    @wsgi.response(202)
    @validation.schema(schema.create, "2.1", "2.18")
    @validation.schema(schema.create_v219, "2.19", "2.31")
    @validation.schema(schema.create_v232, "2.32", "2.32")
    @validation.schema(schema.create_v233, "2.33", "2.36")
    @validation.schema(schema.create_v237, "2.37", "2.41")
    @validation.schema(schema.create_v242, "2.42", "2.51")
    @validation.schema(schema.create_v252, "2.52", "2.56")
    @validation.schema(schema.create_v257, "2.57", "2.62")
    @validation.schema(schema.create_v263, "2.63", "2.66")
    @validation.schema(schema.create_v267, "2.67", "2.73")
    @validation.schema(schema.create_v274, "2.74", "2.89")
    @validation.schema(schema.create_v290, "2.90", "2.93")
    @validation.schema(schema.create_v294, "2.94")
    @traced("ServersController.create")
    def create(self, req: Request, body: dict) -> dict | wsgi.ResponseObject:
        policy.authorize(req.context, server_policy.CREATE)
        request = server_body.server_request(req, body)
        if request.names_disks:
            policy.authorize(req.context, server_policy.CREATE_ATTACH_VOLUME)
        created = self.compute_api.create(req.context, request)
        if common.is_true(body["server"].get("return_reservation_id", False)):
            return {"reservation_id": created[0].reservation_id}
        links = common.Links(req, "servers").of(created[0].uuid)
        server = {
            "id": created[0].uuid,
            "links": links,
            "OS-DCF:diskConfig": "AUTO" if created[0].auto_disk_config else "MANUAL",
            "security_groups": [{"name": name} for name in created[0].security_groups],
        }
        if CONF.api.enable_instance_password:
            server["adminPass"] = request.admin_password
        return wsgi.ResponseObject({"server": server}, headers={"Location": links[0]["href"]})

    @validation.schema(schema.update, "2.1", "2.18")
    @validation.schema(schema.update_v219, "2.19", "2.89")
    @validation.schema(schema.update_v290, "2.90", "2.93")
    @validation.schema(schema.update_v294, "2.94", "2.103")
    @validation.schema(schema.update_v2104, "2.104")
    def update(self, req: Request, id: str, body: dict) -> dict:
        instance = get_instance(req, id, server_policy.UPDATE)
        self.compute_api.update(req.context, instance, server_body.changes(body["server"]))
        view = ViewBuilder(req, brief=True)
        record = get_record(req, id, server_policy.UPDATE, include=view.include)
        return {"server": view.show(record)}

    @wsgi.response(204)
    def delete(self, req: Request, id: str) -> None:
        instance = get_instance(req, id, server_policy.DELETE)
        self.compute_api.delete(req.context, instance)


def _page(
    req: Request,
    query: server_filters.ServerQuery,
    path: str,
    get_page: Callable,
    view: Callable[[ServerRecord], dict],
) -> dict:
    limit, marker = common.get_limit_and_marker(req)
    found = []
    if query.filters is not None and limit:
        found = get_page(query.filters, limit=limit, marker=marker, sort=query.sort)
    response = {"servers": [view(record) for record in found]}
    if found and len(found) == limit:
        links = common.Links(req, "servers")
        response["servers_links"] = links.next(found[-1].uuid, path)
    return response
