"""iSCSI targets of tgtd, each on a sparse file, with a user and a password.

They exist until tgtd ends.
"""

from __future__ import annotations

import itertools
import pathlib
import uuid

from tests.nightly.storage import run

MiB = 1 << 20
USER, PASSWORD = "chapuser", "chappassword1"
_numbers = itertools.count(1)


class Target:
    """A target with ``luns`` volumes of 64 MiB, with numbers from 1."""

    def __init__(self, directory: pathlib.Path, luns: int = 1):
        self._number = str(next(_numbers))
        self.iqn = f"iqn.2010-10.org.openstack:volume-{uuid.uuid4()}"
        self.files = [directory / f"{self._number}-{lun}" for lun in range(1, luns + 1)]
        self._admin("new", "target", "--targetname", self.iqn)
        for lun, file in enumerate(self.files, 1):
            with file.open("wb") as volume:
                volume.truncate(64 * MiB)
            self._admin("new", "logicalunit", "--lun", str(lun), "--backing-store", str(file))
        self._admin("bind", "target", "--initiator-address", "ALL")
        self._user = f"{USER}-{self._number}"
        account = ("--mode", "account", "--user", self._user, "--password", PASSWORD)
        run(*_TGTADM, "--op", "new", *account)
        self._admin("bind", "account", "--user", self._user)

    def connection(self, lun: int = 1, **data) -> dict:
        """The connection info of a volume of this target, as of Cinder."""
        return {
            "driver_volume_type": "iscsi",
            "serial": str(uuid.uuid5(uuid.NAMESPACE_URL, f"{self.iqn}/{lun}")),
            "data": {
                "target_discovered": False,
                "target_portal": "127.0.0.1:3260",
                "target_iqn": self.iqn,
                "target_lun": lun,
                "auth_method": "CHAP",
                "auth_username": self._user,
                "auth_password": PASSWORD,
                "access_mode": "rw",
                **data,
            },
        }

    def two_ways(self, lun: int = 1) -> dict:
        """The connection info with two portals."""
        return self.connection(
            lun,
            target_portals=["127.0.0.1:3260", "127.0.0.2:3260"],
            target_iqns=[self.iqn] * 2,
            target_luns=[lun] * 2,
        )

    def _admin(self, operation: str, mode: str, *arguments: str) -> None:
        run(*_TGTADM, "--op", operation, "--mode", mode, "--tid", self._number, *arguments)


_TGTADM = ("tgtadm", "--lld", "iscsi")
