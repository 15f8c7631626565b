"""How a host reaches a volume, as Cinder describes it."""

from __future__ import annotations

from typing import Any, TypedDict


class VolumeFlags(TypedDict, total=False):
    """Properties of a volume that a guest's disk needs and Cinder's answer does not have. A key
    that is missing is False."""

    multiattach: bool
    readonly: bool


class ConnectionInfo(VolumeFlags, total=False):
    """Cinder's answer to the host's connector, in the form that os-brick expects. It may hold
    secrets.

    Empty while Cinder has no connector of a host. ``serial`` and the flags are nova_mini's own
    keys, in a stored connection. It is a dict, because it is JSON in the database and os-brick
    reads its ``data``.
    """

    driver_volume_type: str  # for example "rbd" or "iscsi"
    data: dict[str, Any]  # its keys depend on the type; a connected driver adds "device_path"
    serial: str  # the serial number that the guest sees: the volume's id
