"""What this host has connected, and for which server: a small file for each connection.

It is written before the connection is made, again when its device is known, and removed when it is
gone. So a host that finds a server of its own deleted, or built elsewhere, knows what to take down,
although nobody else remembers; and it sees whether somebody here still needs what volumes share.
"""

from __future__ import annotations

import hashlib
import json
import pathlib
from collections.abc import Iterator

from oslo_utils import uuidutils

from nova_mini.conf import CONF
from nova_mini.virt.libvirt import utils

# Nothing of this is needed to disconnect.
_SECRETS = ("auth_password", "discovery_auth_password", "keyring")


class Connections:
    """``place`` says what is connected: the same for every server that uses that volume here."""

    def __init__(self):
        self._directory = pathlib.Path(CONF.state_path) / "connections"

    def add(self, instance_uuid: str, place: str, connection_info: dict) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        data = connection_info["data"]
        kept = {**connection_info, "data": {k: v for k, v in data.items() if k not in _SECRETS}}
        utils.write_to_file(self._path(instance_uuid, place), json.dumps(kept))

    def remove(self, instance_uuid: str, place: str) -> None:
        """Not there is fine."""
        self._path(instance_uuid, place).unlink(missing_ok=True)

    def find(self, instance_uuid: str, place: str) -> dict | None:
        """The connection_info without secrets, or None."""
        path = self._path(instance_uuid, place)
        return self._read(path) if path.exists() else None

    def of(self, instance_uuid: str) -> list[dict]:
        """The connection_info of each, without secrets."""
        return [self._read(path) for path in self._files(f"{instance_uuid}.*")]

    def of_others(self, instance_uuid: str, place: str) -> list[dict]:
        """All but this one."""
        this = self._path(instance_uuid, place)
        return [self._read(path) for path in self._files("*") if path != this]

    def instances(self) -> set[str]:
        names = (path.name.partition(".")[0] for path in self._files("*"))
        return {name for name in names if uuidutils.is_uuid_like(name)}

    def _files(self, pattern: str) -> Iterator[pathlib.Path]:
        return self._directory.glob(f"{pattern}.json")

    def _path(self, instance_uuid: str, place: str) -> pathlib.Path:
        digest = hashlib.sha256(place.encode()).hexdigest()[:32]
        return self._directory / f"{instance_uuid}.{digest}.json"

    @staticmethod
    def _read(path: pathlib.Path) -> dict:
        return json.loads(path.read_text())
