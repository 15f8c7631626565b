"""Services as JSON."""

from __future__ import annotations

from nova_mini.api.openstack import common
from nova_mini.api.openstack.request import Request
from nova_mini.objects.availability_zone import INTERNAL, AvailabilityZones
from nova_mini.objects.service import Service

_OWN, _PUBLIC = "nova-mini-", "nova-"


def own_binary(binary: str) -> str:
    """``nova-mini-compute`` for ``nova-compute``; ``nova-mini-compute`` stays as it is."""
    return binary if binary.startswith(_OWN) else binary.replace(_PUBLIC, _OWN, 1)


def zone_of(service: Service, zones: AvailabilityZones) -> str:
    return zones.of_host(service.host) if service.topic == "compute" else INTERNAL


def service_id(req: Request, service: Service) -> int | str:
    return service.uuid if req.api_version >= (2, 53) else service.id


def detail(req: Request, service: Service, zones: AvailabilityZones) -> dict:
    view = {
        "id": service_id(req, service),
        "binary": service.public_binary,
        "host": service.host,
        "zone": zone_of(service, zones),
        "status": status(service),
        "state": state(service),
        "updated_at": common.strtime(service.last_seen_up),
        "disabled_reason": service.disabled_reason,
    }
    if req.api_version >= (2, 11):
        view["forced_down"] = service.forced_down
    return view


def status(service: Service) -> str:
    return "disabled" if service.disabled else "enabled"


def state(service: Service) -> str:
    return "up" if service.is_up else "down"
