"""How a host reaches a volume, as Cinder describes it."""

from __future__ import annotations

from typing import Any, TypedDict


class VolumeEncryption(TypedDict):
    """How a volume is encrypted with LUKS. It has no secrets: the key is in the key manager.
    ``cipher``: as dm-crypt names it (``aes-xts-plain64``). ``key_size``: in bits."""

    key_id: str
    cipher: str
    key_size: int


class VolumeFlags(TypedDict, total=False):
    """Properties of a volume that a guest's disk needs and Cinder's answer does not have. A flag
    that is missing is False; a volume without ``encryption`` is not encrypted."""

    multiattach: bool
    readonly: bool
    encryption: VolumeEncryption


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
