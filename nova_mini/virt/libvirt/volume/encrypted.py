"""Encrypted volumes of this host: their passphrases are secrets of libvirt, which gives them to
QEMU. The definition of a guest names the secret only.

libvirt keeps the secret in a file that only root can read, so that a guest can be started again
after a crash of the host, also without its user. A small file records which servers use a volume;
the secret is removed with the last of them.
"""

from __future__ import annotations

import contextlib
import logging
import pathlib
from typing import TYPE_CHECKING

from oslo_concurrency import lockutils

from nova_mini import disclosure, exception
from nova_mini.trace import traced
from nova_mini.virt.libvirt.volume import luks
from nova_mini.virt.libvirt.volume.connections import Connections

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.keymgr.keys import Keys
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.secrets import Secrets
    from nova_mini.volume.connection_info import ConnectionInfo

LOG = logging.getLogger(__name__)

_USAGE = "volume"


class EncryptedVolumes:
    """The secret of a volume has the volume's id."""

    def __init__(self, secrets: Secrets, keys: Keys):
        self._secrets = secrets
        self._keys = keys
        self._users = Connections("encrypted-volumes")

    @traced("EncryptedVolumes.prepare")
    def prepare(
        self, context: RequestContext, instance: Instance, connection_info: ConnectionInfo
    ) -> None:
        """Make the secret of a connected volume, and the LUKS header of a new device. Idempotent;
        does nothing for a volume that is not encrypted.

        Raises VolumeAttachFailed, VolumeEncryptionNotSupported.
        """
        if "encryption" not in connection_info:
            _check_unencrypted(connection_info)
            return
        volume_id = connection_info["serial"]
        with _lock(volume_id):
            self._users.add(instance.uuid, volume_id, connection_info)
            encryption = connection_info["encryption"]
            passphrase = self._passphrase(context, instance, volume_id, encryption)
            if passphrase is None:
                return
            self._secrets.ensure(_USAGE, volume_id, volume_id, passphrase.encode())
            device = connection_info["data"].get("device_path")
            if device and pathlib.Path(device).is_block_device():
                luks.ensure_header(volume_id, pathlib.Path(device), encryption, passphrase)

    def _passphrase(self, context, instance: Instance, volume_id: str, encryption) -> str | None:
        """The passphrase: as Cinder and Nova make it, the key in hexadecimal digits. None: the key
        manager does not give the key, but libvirt has the secret from an earlier start."""
        try:
            return self._keys.get(context, encryption["key_id"], instance.project_id).hex()
        except exception.KeyNotAvailable as exc:
            cause = disclosure.message_for_operator(exc)
            if not self._secrets.ensure(_USAGE, volume_id, volume_id, None):
                raise exception.VolumeAttachFailed(
                    volume_id=volume_id,
                    reason="the key manager does not give its key",
                    internal=cause,
                ) from None
            LOG.warning("Volume %s: using the key that libvirt has: %s", volume_id, cause)
            return None

    @traced("EncryptedVolumes.release")
    def release(self, instance_uuid: str, connection_info: ConnectionInfo) -> None:
        """The server does not use the volume on this host any more. Idempotent."""
        if "encryption" not in connection_info:
            return
        volume_id = connection_info["serial"]
        with _lock(volume_id):
            others = self._users.all_except(instance_uuid, volume_id)
            if volume_id not in {other["serial"] for other in others}:
                self._secrets.remove(volume_id)
            self._users.remove(instance_uuid, volume_id)

    def of_instance(self, instance_uuid: str) -> list[ConnectionInfo]:
        """The connections of an instance's encrypted volumes, without secrets."""
        return self._users.of_instance(instance_uuid)

    def instances(self) -> set[str]:
        """Uuids of the instances with encrypted volumes on this host."""
        return self._users.instances()


def _check_unencrypted(connection_info: ConnectionInfo) -> None:
    """Cinder's flag: the volume may have changed after its record was read, and the guest would
    write its data unencrypted."""
    if connection_info["data"].get("encrypted"):
        raise exception.VolumeEncryptionNotSupported(
            volume_id=connection_info["serial"],
            reason="the server knows it as not encrypted; detach it and attach it again",
        )


def _lock(volume_id: str) -> contextlib.AbstractContextManager:
    return lockutils.lock(f"encrypted volume {volume_id}")
