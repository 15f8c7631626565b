"""``/os-hosts``: the hosts of services, for administrators. It ended in 2.43."""

from __future__ import annotations

from typing import NoReturn

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.views.services import zone_of
from nova_mini.api.openstack.proxies import schemas
from nova_mini.api.openstack.request import Request
from nova_mini.objects.availability_zone import AvailabilityZones
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.service import Service, ServiceList
from nova_mini.policies import proxies as proxy_policy

_LAST = "2.42"
_AMOUNTS = ("cpu", "memory_mb", "disk_gb")


class HostsController(wsgi.Controller):
    @wsgi.api_version("2.1", _LAST)
    @validation.query_schema(schemas.hosts)
    def index(self, req: Request) -> dict:
        """The hosts of enabled services; ``?zone=``: only those of one zone."""
        policy.authorize(req.context, proxy_policy.HOSTS_LIST)
        zones = AvailabilityZones.get(req.context)
        hosts = [
            {"host_name": each.host, "service": each.topic, "zone": zone_of(each, zones)}
            for each in ServiceList.get_all(req.context)
            if not each.disabled
        ]
        zone = req.query.get("zone")
        return {"hosts": [each for each in hosts if zone in (None, "", each["zone"])]}

    @wsgi.api_version("2.1", _LAST)
    def show(self, req: Request, id: str) -> dict:
        """The resources of a compute host: in all, used now, and by project."""
        policy.authorize(req.context, proxy_policy.HOSTS_SHOW)
        node = ComputeNode.get_by_host(req.context, id)
        by_project = ComputeNode.get_usage_by_project(req.context, id)
        sums = tuple(sum(each[i] for each in by_project.values()) for i in range(3))
        rows = {
            "(total)": (node.vcpus, node.memory_mb, node.local_gb),
            "(used_now)": (node.vcpus_used, node.memory_mb_used, node.local_gb_used),
            "(used_max)": sums,
            **by_project,
        }
        return {"host": [_resource(id, project, used) for project, used in rows.items()]}

    @wsgi.api_version("2.1", _LAST)
    @validation.schema(schemas.host)
    def update(self, req: Request, id: str, body: dict) -> None:
        policy.authorize(req.context, proxy_policy.HOSTS_UPDATE)
        _refuse(req, id)

    @wsgi.api_version("2.1", _LAST)
    def startup(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.HOSTS_START)
        _refuse(req, id)

    @wsgi.api_version("2.1", _LAST)
    def shutdown(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.HOSTS_SHUTDOWN)
        _refuse(req, id)

    @wsgi.api_version("2.1", _LAST)
    def reboot(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.HOSTS_REBOOT)
        _refuse(req, id)


def _resource(host: str, project: str, used: tuple[int, ...]) -> dict:
    return {
        "resource": {"host": host, "project": project, **dict(zip(_AMOUNTS, used, strict=True))}
    }


def _refuse(req: Request, host: str) -> NoReturn:
    """No driver can do this to its host. Raises ComputeHostNotFound, InvalidInput if its compute
    service is down, HostActionNotSupported."""
    ComputeNode.get_by_host(req.context, host)
    service = Service.get_by_host_and_binary(req.context, host, "nova-mini-compute")
    if not service.is_up:
        raise exception.InvalidInput(reason=f"the compute service of {host} is down")
    raise exception.HostActionNotSupported()
