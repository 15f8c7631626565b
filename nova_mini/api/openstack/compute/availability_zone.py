"""``/os-availability-zone``: the zones that a request for a server may name."""

from __future__ import annotations

from nova_mini import policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import availability_zone as schema
from nova_mini.api.openstack.compute.views.services import zone_of
from nova_mini.api.openstack.request import Request
from nova_mini.objects.availability_zone import AvailabilityZones
from nova_mini.objects.service import Service, ServiceList
from nova_mini.policies import availability_zone as zone_policy


class AvailabilityZoneController(wsgi.Controller):
    """A zone is available if at least one of its services is enabled."""

    @validation.query_schema(schema.query)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, zone_policy.LIST)
        zones = AvailabilityZones.get(req.context)
        is_open: dict[str, bool] = {}
        for host, enabled in ServiceList.get_enabled_by_host(req.context, "compute").items():
            zone = zones.of_host(host)
            is_open[zone] = is_open.get(zone, False) or enabled
        return {
            "availabilityZoneInfo": [
                {"zoneName": name, "zoneState": {"available": is_open[name]}, "hosts": None}
                for name in sorted(is_open)
            ]
        }

    @validation.query_schema(schema.query)
    def detail(self, req: Request) -> dict:
        policy.authorize(req.context, zone_policy.DETAIL)
        return {
            "availabilityZoneInfo": [
                {
                    "zoneName": name,
                    "zoneState": {"available": any(not each.disabled for each in services)},
                    "hosts": _hosts(services),
                }
                for name, services in sorted(_services_by_zone(req).items())
            ]
        }


def _services_by_zone(req: Request) -> dict[str, list[Service]]:
    zones = AvailabilityZones.get(req.context)
    found: dict[str, list[Service]] = {}
    for service in ServiceList.get_all(req.context):
        found.setdefault(zone_of(service, zones), []).append(service)
    return found


def _hosts(services: list[Service]) -> dict[str, dict]:
    hosts: dict[str, dict] = {}
    for service in services:
        hosts.setdefault(service.host, {})[service.public_binary] = {
            "available": service.is_up,
            "active": not service.disabled,
            "updated_at": common.strtime(service.last_seen_up),
        }
    return hosts
