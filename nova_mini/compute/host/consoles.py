"""Consoles of the guests on this host: which are enabled, and where a proxy reaches them."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute.host import running_guest
from nova_mini.conf import CONF
from nova_mini.objects.console_auth_token import (
    NOVNC,
    SERIAL,
    SPICE_DIRECT,
    SPICE_HTML5,
    Connection,
)
from nova_mini.objects.instance import Instance
from nova_mini.states import vm_states
from nova_mini.virt.consoles import ConsoleKind
from nova_mini.virt.driver import ComputeDriver

_KIND_OF = {
    NOVNC: ConsoleKind.VNC,
    SERIAL: ConsoleKind.SERIAL,
    SPICE_HTML5: ConsoleKind.SPICE,
    SPICE_DIRECT: ConsoleKind.SPICE,
}


def get_connection(
    driver: ComputeDriver, instance: Instance, kind: ConsoleKind, console_type: str
) -> Connection:
    """Raises ConsoleTypeUnavailable, ConsoleTypeInvalid, InstanceInvalidState if the guest does not
    run, InstanceNotReady while it is being built."""
    if not _is_enabled(kind):
        raise exception.ConsoleTypeUnavailable(console_type=console_type)
    if _KIND_OF.get(console_type) is not kind:
        raise exception.ConsoleTypeInvalid(console_type=console_type)
    if instance.vm_state == vm_states.BUILDING:
        raise exception.InstanceNotReady(instance_id=instance.uuid)
    running_guest.check(driver, instance, f"get_{kind.value}_console")
    address = driver.get_console(instance.uuid, kind)
    return Connection(
        console_type=console_type,
        host=address.host,
        port=address.port,
        tls_port=address.tls_port,
        access_url_base=_access_url_base(console_type),
    )


def has_port(driver: ComputeDriver, instance_uuid: str, port: int, console_type: str) -> bool:
    """Whether the guest has this console at this port now. After a restart of the guest, another
    guest may have the port."""
    kind = _KIND_OF.get(console_type)
    if kind is None or not _is_enabled(kind):
        return False
    try:
        return driver.get_console(instance_uuid, kind).port == port
    except (exception.InstanceNotFound, exception.ConsoleTypeUnavailable):
        return False


def _is_enabled(kind: ConsoleKind) -> bool:
    group = "serial_console" if kind is ConsoleKind.SERIAL else kind.value
    return bool(CONF[group].enabled)


def _access_url_base(console_type: str) -> str:
    urls = {
        NOVNC: CONF.vnc.novncproxy_base_url,
        SERIAL: CONF.serial_console.base_url,
        SPICE_HTML5: CONF.spice.html5proxy_base_url,
        SPICE_DIRECT: CONF.spice.spice_direct_proxy_base_url,
    }
    return str(urls[console_type])
