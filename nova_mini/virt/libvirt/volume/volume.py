"""What all kinds of volumes have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk

if TYPE_CHECKING:
    from nova_mini.virt.libvirt.blockinfo import DiskDevice

_IOTUNE = frozenset(
    f"{kind}_{unit}_sec{suffix}"
    for kind in ("read", "write", "total")
    for unit in ("bytes", "iops")
    for suffix in ("", "_max", "_max_length")
) | {"size_iops_sec"}


class LibvirtBaseVolumeDriver:
    """``connection_info`` is Cinder's: ``driver_volume_type``, ``data`` and the ``serial`` (the
    volume's id). Whatever is done already is fine, in both directions."""

    source_type: str

    def connect_volume(self, connection_info: dict) -> None:
        """Bring the volume to this host; ``data["device_path"]`` says where, if it has a place."""

    def disconnect_volume(self, connection_info: dict, force: bool = False) -> None:
        """The host forgets the volume; ``force``: also with data that was not written."""

    def place(self, connection_info: dict) -> str | None:
        """What is connected: the same for every server of this host that has the volume. None
        where nothing of it is on the host."""
        return None

    def carrier(self, connection_info: dict) -> str | None:
        """What this connection shares with others of the host, which goes with the last of them."""
        return None

    def leave(self, connection_info: dict) -> None:
        """No connection of this host needs the carrier any more."""

    def extend_volume(self, connection_info: dict, size: int) -> None:
        """See that the host knows of the new size (bytes)."""

    def get_config(self, connection_info: dict, device: DiskDevice) -> LibvirtConfigGuestDisk:
        """The disk of a connected volume."""
        data = connection_info["data"]
        config = LibvirtConfigGuestDisk(
            source_path=None,
            source_type=self.source_type,
            target_dev=device.dev,
            target_bus=device.bus,
            source_device=device.type,
            driver_cache=CONF.libvirt.disk_cachemodes.get(self.source_type, "none"),
            driver_discard="unmap" if data.get("discard") else None,
            boot_order=device.boot_index,
            serial=connection_info["serial"],
            readonly=_is_readonly(connection_info) or device.type == "cdrom",
            shareable=bool(connection_info.get("multiattach")),
            iotune=_iotune(data.get("qos_specs") or {}),
        )
        self._set_source(config, data)
        return config

    def _set_source(self, config: LibvirtConfigGuestDisk, data: dict) -> None:
        config.source_path = data["device_path"]


def _is_readonly(connection_info: dict) -> bool:
    """Cinder's connection says so only of what an administrator attaches."""
    told = connection_info["data"].get("access_mode") == "ro"
    return told or bool(connection_info.get("readonly"))


def _iotune(specs: dict) -> dict[str, int]:
    """The limits that the front end keeps; what the back end keeps is named otherwise."""
    return {
        name: int(value)
        for name, value in specs.items()
        if name in _IOTUNE and str(value).isdecimal()
    }
