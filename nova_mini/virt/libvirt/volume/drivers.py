"""Which driver a connection takes."""

from __future__ import annotations

import threading

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.volume import brick, fibrechannel, iscsi, net, nfs
from nova_mini.virt.libvirt.volume.volume import LibvirtBaseVolumeDriver

_BRICK_DRIVERS = {
    "fibre_channel": fibrechannel.LibvirtFibreChannelVolumeDriver,
    "iscsi": iscsi.LibvirtISCSIVolumeDriver,
    "nfs": nfs.LibvirtNFSVolumeDriver,
}


class VolumeDrivers:
    """One of each, made when it is first needed."""

    def __init__(self, secrets: Secrets):
        self._lock = threading.Lock()
        self._net = net.LibvirtNetVolumeDriver(secrets)
        self._made: dict[str, LibvirtBaseVolumeDriver] = {}

    def of(self, connection_info: dict) -> LibvirtBaseVolumeDriver:
        """Raises VolumeAttachFailed for a kind of connection that this host does not know."""
        found = self.find(connection_info)
        if found is None:
            kind = connection_info["driver_volume_type"]
            raise exception.VolumeAttachFailed(
                volume_id=connection_info["serial"],
                reason=f"this host does not know connections of the kind '{kind}'",
            )
        return found

    def find(self, connection_info: dict) -> LibvirtBaseVolumeDriver | None:
        """None for a kind of connection that this host can never have made."""
        kind = connection_info["driver_volume_type"]
        if kind == "rbd" or (kind == "iscsi" and CONF.libvirt.iscsi_use_qemu_initiator):
            return self._net
        if kind not in _BRICK_DRIVERS:
            return None
        with self._lock:
            if kind not in self._made:
                self._made[kind] = _BRICK_DRIVERS[kind]()
            return self._made[kind]


def get_volume_connector(host: str) -> dict:
    """What Cinder must know of this host. QEMU's own initiator has a name of its own."""
    properties = brick.get_connector_properties(host)
    if CONF.libvirt.iscsi_use_qemu_initiator:
        properties |= {"initiator": net.initiator_name(), "multipath": False}
    return properties
