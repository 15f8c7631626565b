"""Disable the compute service of a host for its maintenance, and enable it again."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.context import get_admin_context
from nova_mini.notifications import notify_about_service
from nova_mini.objects.service import Service

_BINARY = "nova-mini-compute"
REASON = "drained by nova-mini-manage host drain"


def get(host: str) -> Service:
    """Raises ServiceNotFound."""
    return Service.get_by_host_and_binary(get_admin_context(), host, _BINARY)


def is_drained(service: Service) -> bool:
    return service.disabled and service.disabled_reason == REASON


def disable(host: str) -> bool:
    """Keep new servers from the host. Returns False if it is disabled already; the reason of that
    stays. Raises ServiceNotFound."""
    service = get(host)
    if service.disabled:
        return False
    service.disabled, service.disabled_reason = True, REASON
    service.save()
    notify_about_service(get_admin_context(), service, "update")
    return True


def restore(host: str) -> bool:
    """Enable a host that was drained. Returns False if it is enabled already. Raises
    ServiceNotFound; Conflict if it was disabled for another reason."""
    service = get(host)
    if not service.disabled:
        return False
    if not is_drained(service):
        reason = service.disabled_reason or "no reason is given"
        raise exception.Conflict(f"{host} was not disabled by a drain: {reason}")
    service.disabled, service.disabled_reason = False, None
    service.save()
    notify_about_service(get_admin_context(), service, "update")
    return True
