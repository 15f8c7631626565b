"""``/os-aggregates``: groups of hosts, some of which are availability zones."""

from __future__ import annotations

import contextlib

from oslo_utils import uuidutils

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import aggregates as schema
from nova_mini.api.openstack.request import Request
from nova_mini.compute.requests import aggregate_images
from nova_mini.notifications import notifies_about_aggregate
from nova_mini.objects.aggregate import AVAILABILITY_ZONE, Aggregate, AggregateList
from nova_mini.policies import aggregates as aggregates_policy


class AggregatesController(wsgi.Controller):
    @validation.query_schema(schema.query)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, aggregates_policy.INDEX)
        return {"aggregates": [_view(req, each) for each in AggregateList.get_all(req.context)]}

    @validation.query_schema(schema.query)
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, aggregates_policy.SHOW)
        return {"aggregate": _view(req, _get(req, id))}

    @validation.schema(schema.create)
    def create(self, req: Request, body: dict) -> dict:
        policy.authorize(req.context, aggregates_policy.CREATE)
        requested = body["aggregate"]
        zone = requested.get("availability_zone")
        aggregate = Aggregate(
            req.context,
            uuid=uuidutils.generate_uuid(),
            name=requested["name"],
            metadata={AVAILABILITY_ZONE: zone} if zone else {},
        )
        details = {"name": aggregate.name, "meta_data": aggregate.metadata}
        with notifies_about_aggregate(req.context, "create", aggregate, details):
            aggregate.create()
        view = _view(req, aggregate)
        del view["hosts"], view["metadata"]  # this response alone has neither, as documented
        return {"aggregate": view}

    @validation.schema(schema.update)
    def update(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, aggregates_policy.UPDATE)
        requested = body["aggregate"]
        aggregate = _get(req, id)
        zone = (
            {AVAILABILITY_ZONE: requested[AVAILABILITY_ZONE]}
            if AVAILABILITY_ZONE in requested
            else {}
        )
        with contextlib.ExitStack() as notifications:
            if "name" in requested:
                aggregate.name = requested["name"]
                details = {"name": aggregate.name}
                notifies = notifies_about_aggregate(req.context, "updateprop", aggregate, details)
                notifications.enter_context(notifies)
            if zone:
                details = {"meta_data": zone}
                notifies = notifies_about_aggregate(
                    req.context, "updatemetadata", aggregate, details
                )
                notifications.enter_context(notifies)
            aggregate.change(requested.get("name"), zone)
        return {"aggregate": _view(req, aggregate)}

    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, aggregates_policy.DELETE)
        aggregate = _get(req, id)
        with notifies_about_aggregate(req.context, "delete", aggregate):
            aggregate.destroy()

    @wsgi.action("add_host")
    @validation.schema(schema.add_host)
    def _add_host(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, aggregates_policy.ADD_HOST)
        aggregate = _get(req, id)
        host = body["add_host"]["host"]
        details = {"name": aggregate.name, "host_name": host}
        with notifies_about_aggregate(req.context, "addhost", aggregate, details):
            aggregate.add_host(host)
        return {"aggregate": _view(req, aggregate)}

    @wsgi.action("remove_host")
    @validation.schema(schema.remove_host)
    def _remove_host(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, aggregates_policy.REMOVE_HOST)
        aggregate = _get(req, id)
        host = body["remove_host"]["host"]
        details = {"name": aggregate.name, "host_name": host}
        with notifies_about_aggregate(req.context, "removehost", aggregate, details):
            aggregate.remove_host(host)
        return {"aggregate": _view(req, aggregate)}

    @wsgi.action("set_metadata")
    @validation.schema(schema.set_metadata)
    def _set_metadata(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, aggregates_policy.SET_METADATA)
        aggregate = _get(req, id)
        metadata = body["set_metadata"]["metadata"]
        details = {"meta_data": metadata}
        with notifies_about_aggregate(req.context, "updatemetadata", aggregate, details):
            aggregate.change(None, metadata)
        return {"aggregate": _view(req, aggregate)}

    @wsgi.api_version("2.81")
    @wsgi.response(202)
    @validation.schema(schema.images)
    def images(self, req: Request, id: str, body: dict) -> None:
        policy.authorize(req.context, aggregates_policy.IMAGES)
        aggregate = _get(req, id)
        image_ids = [image["id"] for image in body["cache"]]
        if len(set(image_ids)) < len(image_ids):
            raise exception.ValidationError(detail="Duplicate images in request.")
        aggregate_images.cache_images(req.context, aggregate, image_ids)


def _get(req: Request, aggregate_id: str) -> Aggregate:
    number = common.to_id(aggregate_id)
    if number is None:
        raise exception.AggregateNotFound(aggregate_id=aggregate_id[:64])
    return Aggregate.get_by_id(req.context, number)


def _view(req: Request, aggregate: Aggregate) -> dict:
    view = {
        "id": aggregate.id,
        "name": aggregate.name,
        "availability_zone": aggregate.availability_zone,
        "hosts": aggregate.hosts,
        "metadata": aggregate.metadata,
        "created_at": common.strtime(aggregate.created_at),
        "updated_at": common.strtime(aggregate.updated_at),
        "deleted": False,
        "deleted_at": None,
    }
    if req.api_version >= (2, 41):
        view["uuid"] = aggregate.uuid
    return view
