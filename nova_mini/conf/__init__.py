"""Configuration: one file per option group, registered on oslo.config's global object.

oslo.messaging registers some of its options on ``cfg.CONF`` only, so nova_mini uses this object.
"""

from oslo_config import cfg

from nova_mini.conf import (
    api,
    base,
    cinder,
    compute,
    conductor,
    consoles,
    database,
    glance,
    key_manager,
    libvirt,
    libvirt_lvm,
    libvirt_rbd,
    libvirt_volume,
    neutron,
    notifications,
    quota,
    rpc,
    scheduler,
    service_user,
    vendordata,
)
from nova_mini.conf._service import service_opts

CONF = cfg.CONF

_MODULES = (
    base,
    api,
    cinder,
    compute,
    conductor,
    consoles,
    database,
    glance,
    key_manager,
    libvirt,
    libvirt_lvm,
    libvirt_rbd,
    libvirt_volume,
    neutron,
    notifications,
    quota,
    rpc,
    scheduler,
    service_user,
    vendordata,
)

for _module in _MODULES:
    _module.register_opts(CONF)


def list_opts() -> list[tuple[str, list[cfg.Opt]]]:
    """For oslo-config-generator: [(group name, its options)]."""
    found: dict[str, list[cfg.Opt]] = {}
    for module in _MODULES:
        for group, options in module.OPTIONS.items():
            found.setdefault(group, []).extend(options)
    for group, options in service_opts().items():
        found.setdefault(group, []).extend(options)
    return list(found.items())
