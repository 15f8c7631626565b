"""``/flavors``"""

from __future__ import annotations

from oslo_utils import strutils, uuidutils

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import flavors as schema
from nova_mini.api.openstack.compute.views.flavors import ViewBuilder
from nova_mini.api.openstack.request import Request
from nova_mini.notifications import notify_about_flavor
from nova_mini.objects.flavor import Flavor, FlavorList
from nova_mini.policies import flavor_extra_specs as extra_specs_policy
from nova_mini.policies import flavors as flavor_policy


class FlavorsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75", "2.101")
    @validation.query_schema(schema.index_v2102, "2.102")
    def index(self, req: Request) -> dict:
        flavors = _page(req)
        view = ViewBuilder(req)
        return _collection(req, flavors, [view.basic(flavor) for flavor in flavors], "")

    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75", "2.101")
    @validation.query_schema(schema.index_v2102, "2.102")
    def detail(self, req: Request) -> dict:
        flavors = _page(req)
        view = _detail_view(req)
        return _collection(req, flavors, [view.detail(flavor) for flavor in flavors], "/detail")

    @validation.query_schema(schema.show)
    def show(self, req: Request, id: str) -> dict:
        flavor = Flavor.get_by_flavor_id(req.context, id)
        return {"flavor": _detail_view(req).detail(flavor)}

    @validation.schema(schema.create, "2.1", "2.54")
    @validation.schema(schema.create_v255, "2.55", "2.101")
    @validation.schema(schema.create_v2102, "2.102")
    def create(self, req: Request, body: dict) -> dict:
        policy.authorize(req.context, flavor_policy.CREATE)
        requested = body["flavor"]
        flavor_id = requested.get("id")
        flavor = Flavor(
            req.context,
            flavorid=uuidutils.generate_uuid() if flavor_id in (None, "auto") else str(flavor_id),
            name=requested["name"].strip(),
            memory_mb=int(requested["ram"]),
            vcpus=int(requested["vcpus"]),
            root_gb=int(requested["disk"]),
            ephemeral_gb=int(requested.get("OS-FLV-EXT-DATA:ephemeral", 0)),
            swap=int(requested.get("swap", 0)),
            rxtx_factor=_rxtx_factor(requested.get("rxtx_factor", 1.0)),
            is_public=common.is_true(requested.get("os-flavor-access:is_public", True)),
            disabled=False,
            description=requested.get("description"),
            extra_specs={},
        )
        flavor.create()
        notify_about_flavor(req.context, flavor, "create")
        return {"flavor": _detail_view(req).detail(flavor)}

    @wsgi.api_version("2.55")
    @validation.schema(schema.update_v255)
    def update(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, flavor_policy.UPDATE)
        flavor = Flavor.get_by_flavor_id(req.context, id)
        flavor.description = body["flavor"]["description"]
        flavor.save()
        notify_about_flavor(req.context, flavor, "update")
        return {"flavor": _detail_view(req).detail(flavor)}

    @wsgi.response(202)
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, flavor_policy.DELETE)
        flavor = Flavor.get_by_flavor_id(req.context, id)
        flavor.destroy()
        notify_about_flavor(req.context, flavor, "delete")


def _page(req: Request) -> FlavorList:
    limit, marker = common.get_limit_and_marker(req)
    sees_all = req.context.is_admin
    return FlavorList.get_all(
        req.context,
        is_public=_is_public(req.query.get("is_public")) if sees_all else True,
        disabled=None if sees_all else False,
        name=req.query.get("name") if req.api_version >= (2, 102) else None,
        min_memory_mb=int(req.query.get("minRam", 0)),
        min_root_gb=int(req.query.get("minDisk", 0)),
        sort_key=req.query.get("sort_key", "flavorid"),
        descending=req.query.get("sort_dir") == "desc",
        limit=limit,
        marker=marker,
    )


def _is_public(text: str | None) -> bool | None:
    """The filter is_public; None for all flavors (``none``). Without it: public flavors."""
    if text is None:
        return True
    if text.lower() == "none":
        return None
    try:
        return strutils.bool_from_string(text, strict=True)
    except ValueError as exc:
        raise exception.InvalidInput(
            reason=f"Invalid is_public filter [{text[:64]}]: use true, false or none"
        ) from exc


def _collection(req: Request, flavors: FlavorList, views: list[dict], path: str) -> dict:
    response = {"flavors": views}
    limit, _marker = common.get_limit_and_marker(req)
    if views and len(views) == limit:
        response["flavors_links"] = common.Links(req, "flavors").next(flavors[-1].flavorid, path)
    return response


def _detail_view(req: Request) -> ViewBuilder:
    return ViewBuilder(req, policy.authorize(req.context, extra_specs_policy.INDEX, fatal=False))


def _rxtx_factor(value: float | str) -> float:
    factor = float(value)
    if factor <= 0:
        raise exception.InvalidInput(reason="rxtx_factor must be greater than 0")
    return factor
