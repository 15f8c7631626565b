"""Choose the driver for a connection."""

from __future__ import annotations

import threading

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.secrets import Secrets
from nova_mini.virt.libvirt.volume import brick, fibrechannel, iscsi, net, nfs
from nova_mini.virt.libvirt.volume.volume import LibvirtBaseVolumeDriver
from nova_mini.volume.connection_info import ConnectionInfo

_BRICK_DRIVERS = {
    "fibre_channel": fibrechannel.LibvirtFibreChannelVolumeDriver,
    "iscsi": iscsi.LibvirtISCSIVolumeDriver,
    "nfs": nfs.LibvirtNFSVolumeDriver,
}


class VolumeDrivers:
    """The drivers of all kinds, each made when it is first needed."""

    def __init__(self, secrets: Secrets):
        self._lock = threading.Lock()
        self._net = net.LibvirtNetVolumeDriver(secrets)
        self._made: dict[str, LibvirtBaseVolumeDriver] = {}

    def get(self, connection_info: ConnectionInfo) -> LibvirtBaseVolumeDriver:
        """The driver. Raises VolumeAttachFailed for a kind of connection that is not supported."""
        found = self.find(connection_info)
        if found is None:
            kind = connection_info["driver_volume_type"]
            raise exception.VolumeAttachFailed(
                volume_id=connection_info["serial"],
                reason=f"connections of type '{kind}' are not supported",
            )
        return found

    def find(self, connection_info: ConnectionInfo) -> LibvirtBaseVolumeDriver | None:
        """The driver, or None for a kind of connection that is not supported."""
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
    """This host's connector properties for Cinder. QEMU's own iSCSI initiator has another name than
    the host's."""
    properties = brick.get_connector_properties(host)
    if CONF.libvirt.iscsi_use_qemu_initiator:
        properties |= {"initiator": net.initiator_name(), "multipath": False}
    return properties
