"""Volumes that QEMU itself reaches over the network: Ceph, and iSCSI with QEMU's own initiator.

Nothing is connected on the host; the keys are secrets of libvirt, made when they are first needed.
"""

from __future__ import annotations

import pathlib
import uuid

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestDisk
from nova_mini.virt.libvirt.secrets import Secrets, ceph_usage, read_ceph_key
from nova_mini.virt.libvirt.volume.volume import LibvirtBaseVolumeDriver
from nova_mini.volume.connection_info import ConnectionInfo


class LibvirtNetVolumeDriver(LibvirtBaseVolumeDriver):
    source_type = "network"

    def __init__(self, secrets: Secrets):
        self._secrets = secrets

    def connect_volume(self, connection_info: ConnectionInfo) -> None:
        data = connection_info["data"]
        if connection_info["driver_volume_type"] == "iscsi":
            if data.get("auth_password"):
                uuid, password = _iscsi_secret(data), data["auth_password"].encode()
                self._secrets.ensure("iscsi", uuid, uuid, password)
        elif _uses_cephx(data):
            self._ensure_ceph_secret(data)

    def _ensure_ceph_secret(self, data: dict) -> None:
        user = _ceph_user(data)
        name, path = f"client.{user}", pathlib.Path(CONF.libvirt.rbd_keyring.format(user=user))
        key, secret = _ceph_key(data, name, path), _ceph_secret(data)
        if not self._secrets.ensure("ceph", secret, ceph_usage(name, secret), key):
            raise exception.VolumeAttachFailed(
                volume_id=data.get("volume_id"),
                reason="its host has no key for the storage cluster",
                internal=f"libvirt has no secret for {name}, and its keyring {path} does not exist",
            )

    def connection_key(self, connection_info: ConnectionInfo) -> str | None:
        """None for Ceph: the secret of a Ceph user is for all its volumes and is never removed."""
        data = connection_info["data"]
        if connection_info["driver_volume_type"] == "iscsi" and data.get("auth_username"):
            return f"qemu {_iscsi_path(data)} {_iscsi_secret(data)}"
        return None

    def shared_resource(self, connection_info: ConnectionInfo) -> str | None:
        """The secret of an iSCSI target's user."""
        key = self.connection_key(connection_info)
        return key and _iscsi_secret(connection_info["data"])

    def release_shared_resource(self, connection_info: ConnectionInfo) -> None:
        self._secrets.remove(_iscsi_secret(connection_info["data"]))

    def _set_source(self, config: LibvirtConfigGuestDisk, data: dict) -> None:
        if "target_iqn" in data:
            _set_iscsi_source(config, data)
        else:
            _set_rbd_source(config, data)


def _set_rbd_source(config: LibvirtConfigGuestDisk, data: dict) -> None:
    config.source_protocol = "rbd"
    config.source_path = data["name"]
    config.source_hosts = list(zip(data["hosts"], data["ports"], strict=True))
    if _uses_cephx(data):
        config.auth_username = _ceph_user(data)
        config.auth_secret = ("ceph", _ceph_secret(data))


def _set_iscsi_source(config: LibvirtConfigGuestDisk, data: dict) -> None:
    host, _, port = data["target_portal"].rpartition(":")
    config.source_protocol = "iscsi"
    config.source_path = _iscsi_path(data)
    config.source_hosts = [(host.strip("[]"), port)]
    config.source_initiator = initiator_name()
    if data.get("auth_method") == "CHAP":
        config.auth_username = data["auth_username"]
        config.auth_secret = ("iscsi", _iscsi_secret(data))


def _iscsi_path(data: dict) -> str:
    return f"{data['target_iqn']}/{data.get('target_lun', 0)}"


def initiator_name() -> str:
    """The iSCSI name of QEMU's own initiators on this host."""
    return f"iqn.2010-10.org.openstack:{CONF.host}"


def _uses_cephx(data: dict) -> bool:
    return bool(data.get("auth_enabled") or CONF.libvirt.rbd_secret_uuid)


def _ceph_user(data: dict) -> str:
    user = data.get("auth_username") or CONF.libvirt.rbd_user
    if not user:
        raise exception.VolumeAttachFailed(
            volume_id=data.get("volume_id"),
            reason="its host has no user for the storage cluster",
            internal="Cinder gave no cephx user; set [libvirt] rbd_user",
        )
    return user


def _ceph_secret(data: dict) -> str:
    secret = data.get("secret_uuid") or CONF.libvirt.rbd_secret_uuid
    if not secret:
        raise exception.VolumeAttachFailed(
            volume_id=data.get("volume_id"),
            reason="its host has no key for the storage cluster",
            internal="Cinder gave no secret; set rbd_secret_uuid in Cinder's backend",
        )
    return secret


def _ceph_key(data: dict, name: str, path: pathlib.Path) -> bytes | None:
    """The key from Cinder's keyring, else from the user's keyring file ``path`` on this host."""
    text = data.get("keyring") or (path.read_text() if path.exists() else None)
    if text is None:
        return None
    return read_ceph_key(text, name)


def _iscsi_secret(data: dict) -> str:
    """The uuid of the secret, computed from target and user, so that it can be found again."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{data['target_iqn']}#{data['auth_username']}"))
