"""The volumes that this host has connected, and for which servers: a small file per connection.

The file is written before the connection is made and again when its device is known; it is removed
after the disconnection. So the host can disconnect the volumes of a server that was deleted or
moved, and it knows whether another connection still needs a shared resource.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterator

from oslo_utils import uuidutils

from nova_mini.conf import CONF
from nova_mini.virt.libvirt import utils
from nova_mini.volume.connection_info import ConnectionInfo

# Not stored: they are not needed to disconnect.
_SECRETS = ("auth_password", "discovery_auth_password", "keyring")


class Connections:
    """``key``: see :meth:`.volume.LibvirtBaseVolumeDriver.connection_key`."""

    def __init__(self, name: str = "connections"):
        self._directory = pathlib.Path(CONF.state_path) / name

    def add(self, instance_uuid: str, key: str, connection_info: ConnectionInfo) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = connection_info["data"]
        stored = {**connection_info, "data": {k: v for k, v in data.items() if k not in _SECRETS}}
        utils.write_to_file(self._path(instance_uuid, key), json.dumps(stored))

    def remove(self, instance_uuid: str, key: str) -> None:
        """Idempotent."""
        self._path(instance_uuid, key).unlink(missing_ok=True)

    def find(self, instance_uuid: str, key: str) -> ConnectionInfo | None:
        """The connection_info without secrets, or None."""
        path = self._path(instance_uuid, key)
        return self._read(path) if path.exists() else None

    def of_instance(self, instance_uuid: str) -> list[ConnectionInfo]:
        """The connection_info of all connections of an instance, without secrets."""
        return [self._read(path) for path in self._files(f"{instance_uuid}.*")]

    def all_except(self, instance_uuid: str, key: str) -> list[ConnectionInfo]:
        """The connection_info of all connections except this one, without secrets."""
        this = self._path(instance_uuid, key)
        return [self._read(path) for path in self._files("*") if path != this]

    def instances(self) -> set[str]:
        """Uuids of the instances that have connections."""
        names = (path.name.partition(".")[0] for path in self._files("*"))
        return {name for name in names if uuidutils.is_uuid_like(name)}

    def _files(self, pattern: str) -> Iterator[pathlib.Path]:
        return self._directory.glob(f"{pattern}.json")

    def _path(self, instance_uuid: str, key: str) -> pathlib.Path:
        digest = hashlib.sha256(key.encode()).hexdigest()[:32]
        return utils.path_below(self._directory, f"{instance_uuid}.{digest}.json")

    @staticmethod
    def _read(path: pathlib.Path) -> ConnectionInfo:
        return json.loads(path.read_text())
