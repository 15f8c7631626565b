"""The base class of all volume drivers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk

if TYPE_CHECKING:
    from nova_mini.virt.libvirt.blockinfo import DiskDevice
    from nova_mini.volume.connection_info import ConnectionInfo

_IOTUNE = frozenset(
    f"{kind}_{unit}_sec{suffix}"
    for kind in ("read", "write", "total")
    for unit in ("bytes", "iops")
    for suffix in ("", "_max", "_max_length")
) | {"size_iops_sec"}


class LibvirtBaseVolumeDriver:
    """``connection_info`` is Cinder's: ``driver_volume_type`` and ``data``, with the ``serial``
    (the volume's id) added. All methods are idempotent."""

    source_type: str

    def connect_volume(self, connection_info: ConnectionInfo) -> None:
        """Connect the volume to this host. Sets ``data["device_path"]`` if there is a device."""

    def disconnect_volume(self, connection_info: ConnectionInfo, force: bool = False) -> None:
        """Disconnect the volume. ``force``: also if unwritten data is lost."""

    def connection_key(self, connection_info: ConnectionInfo) -> str | None:
        """Identifies the connection on this host: the same text for all servers that use the
        volume. None if nothing is connected on the host."""
        return None

    def shared_resource(self, connection_info: ConnectionInfo) -> str | None:
        """Identifies a resource that several connections of this host share (a mount, a secret);
        it is released with the last of them. None if there is no such resource."""
        return None

    def release_shared_resource(self, connection_info: ConnectionInfo) -> None:
        """Called when no connection of this host needs the shared resource any more."""

    def extend_volume(self, connection_info: ConnectionInfo, size: int) -> None:
        """Make the host use the new size (bytes)."""

    def get_config(
        self, connection_info: ConnectionInfo, device: DiskDevice
    ) -> LibvirtConfigGuestDisk:
        """The disk of a connected volume, for the domain's definition."""
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
            encryption_secret=_encryption_secret(connection_info),
            iotune=_iotune(data.get("qos_specs") or {}),
        )
        self._set_source(config, data)
        return config

    def _set_source(self, config: LibvirtConfigGuestDisk, data: dict) -> None:
        config.source_path = data["device_path"]


def _encryption_secret(connection_info: ConnectionInfo) -> str | None:
    """See :class:`.encrypted.EncryptedVolumes`."""
    return connection_info["serial"] if "encryption" in connection_info else None


def _is_readonly(connection_info: ConnectionInfo) -> bool:
    """Cinder sets ``access_mode`` to "ro" only for an administrator's attachment; so the volume's
    own flag ``readonly`` is stored as well."""
    is_ro = connection_info["data"].get("access_mode") == "ro"
    return is_ro or bool(connection_info.get("readonly"))


def _iotune(specs: dict) -> dict[str, int]:
    """The limits that the hypervisor enforces. Those that the storage backend enforces have other
    names."""
    return {
        name: int(value)
        for name, value in specs.items()
        if name in _IOTUNE and str(value).isdecimal()
    }
