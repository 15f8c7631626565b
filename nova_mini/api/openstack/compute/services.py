"""``/os-services``: the services of this cloud, and whether they are enabled."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import services as schema
from nova_mini.api.openstack.compute.views import services as view
from nova_mini.api.openstack.request import Request
from nova_mini.notifications import notify_about_service
from nova_mini.objects.availability_zone import AvailabilityZones
from nova_mini.objects.service import Service, ServiceList
from nova_mini.policies import services as services_policy


class ServicesController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, services_policy.LIST)
        binary, host = req.query.get("binary"), req.query.get("host")
        found = ServiceList.get_all(
            req.context, binary=view.own_binary(binary) if binary else None, host=host
        )
        zones = AvailabilityZones.get(req.context)
        return {"services": [view.detail(req, service, zones) for service in found]}

    @wsgi.api_version("2.1", "2.52")
    @validation.schema(schema.enable)
    def enable(self, req: Request, body: dict) -> dict:
        service = _get_by_name(req, body)
        service.disabled, service.disabled_reason = False, None
        return _saved(req, service, status=view.status(service))

    @wsgi.api_version("2.1", "2.52")
    @validation.schema(schema.disable)
    def disable(self, req: Request, body: dict) -> dict:
        service = _get_by_name(req, body)
        service.disabled, service.disabled_reason = True, None
        return _saved(req, service, status=view.status(service))

    @wsgi.api_version("2.1", "2.52")
    @validation.schema(schema.disable_log_reason)
    def disable_log_reason(self, req: Request, body: dict) -> dict:
        service = _get_by_name(req, body)
        service.disabled, service.disabled_reason = True, body["disabled_reason"]
        return _saved(
            req, service, status=view.status(service), disabled_reason=service.disabled_reason
        )

    @wsgi.api_version("2.11", "2.52")
    @validation.schema(schema.force_down)
    def force_down(self, req: Request, body: dict) -> dict:
        service = _get_by_name(req, body)
        service.forced_down = common.is_true(body.get("forced_down", True))
        return _saved(req, service, forced_down=service.forced_down)

    @wsgi.api_version("2.53")
    @validation.schema(schema.update_v253)
    def update(self, req: Request, id: str, body: dict) -> dict:
        policy.authorize(req.context, services_policy.UPDATE)
        service = Service.get_by_uuid(req.context, id)
        if service.topic != "compute":
            raise exception.InvalidInput(
                reason=f"Updating a {service.public_binary} service is not supported. "
                "Only nova-compute services can be updated."
            )
        _change(service, body)
        _save(req, service)
        zones = AvailabilityZones.get(req.context)
        return {"service": view.detail(req, service, zones)}

    @wsgi.response(204)
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, services_policy.DELETE)
        service = _by_id(req, id)
        service.destroy()
        notify_about_service(req.context, service, "delete")


def _get_by_name(req: Request, body: dict) -> Service:
    policy.authorize(req.context, services_policy.UPDATE)
    return Service.get_by_host_and_binary(
        req.context, body["host"], view.own_binary(body["binary"])
    )


def _saved(req: Request, service: Service, **changed: object) -> dict:
    """Save the service; returns the response, with the properties that were ``changed``."""
    _save(req, service)
    return {
        "service": {
            "host": service.host,
            "binary": service.public_binary,
            **changed,
        }
    }


def _save(req: Request, service: Service) -> None:
    service.save()
    notify_about_service(req.context, service, "update")


def _change(service: Service, body: dict) -> None:
    status, reason = body.get("status"), body.get("disabled_reason")
    if reason and status != "disabled":
        raise exception.InvalidInput(reason="disabled_reason requires that status is disabled")
    if status:
        service.disabled, service.disabled_reason = status == "disabled", reason
    if "forced_down" in body:
        service.forced_down = common.is_true(body["forced_down"])


def _by_id(req: Request, service_id: str) -> Service:
    if req.api_version >= (2, 53):
        return Service.get_by_uuid(req.context, service_id)
    number = common.to_id(service_id)
    if number is None:
        raise exception.InvalidInput(
            reason="before API version 2.53 the id of a service is an integer"
        )
    return Service.get_by_id(req.context, number)
