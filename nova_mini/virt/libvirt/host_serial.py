"""The serial number in the SMBIOS tables of a guest, as the administrator chooses it."""

from __future__ import annotations

import pathlib
import uuid
from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

MACHINE_ID = pathlib.Path("/etc/machine-id")


def of_guest(instance: Instance, host_uuid: str | None) -> str | None:
    """``host_uuid``: of the host's hardware. None: no serial number. Raises HypervisorError if the
    host does not have what is configured."""
    source = CONF.libvirt.sysinfo_serial
    if source == "auto":
        source = "os" if MACHINE_ID.exists() else "hardware"
    if source == "none":
        return None
    if source == "unique":
        return instance.uuid
    found = host_uuid if source == "hardware" else _machine_id()
    if found is None:
        raise exception.HypervisorError(
            reason=f"the host has no serial number for sysinfo_serial={source}"
        )
    return found


def _machine_id() -> str | None:
    try:
        return str(uuid.UUID(MACHINE_ID.read_text().strip()))
    except (OSError, ValueError):
        return None
