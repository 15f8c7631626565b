"""libvirt's secrets: keys that it passes to QEMU, so that they are in no XML or command line."""

from __future__ import annotations

import base64
import configparser

import libvirt
from lxml import etree

from nova_mini.virt.libvirt.config_devices import LibvirtConfigObject, element
from nova_mini.virt.libvirt.host import Host

# usage type -> the element with the name, where it is not "name"
_NAMES = {"iscsi": "target", "volume": "volume"}


class LibvirtConfigSecret(LibvirtConfigObject):
    """``private``: libvirt never returns the value. ``ephemeral``: libvirt does not store it.
    ``usage_type``: ceph, iscsi, volume or vtpm."""

    def __init__(self, usage_type: str, uuid: str, name: str, ephemeral: bool = False):
        self._usage_type = usage_type
        self._uuid = uuid
        self._name = name
        self._ephemeral = ephemeral

    def format_dom(self) -> etree._Element:
        ephemeral = "yes" if self._ephemeral else "no"
        secret = element("secret", ephemeral=ephemeral, private="yes")
        secret.append(element("uuid", self._uuid))
        usage = element("usage", type=self._usage_type)
        usage.append(element(_NAMES.get(self._usage_type, "name"), self._name))
        secret.append(usage)
        return secret


def ceph_usage(client: str, uuid: str) -> str:
    """The name of the secret with the key of a Ceph client. It contains the uuid, since libvirt's
    names are unique and a client may have two secrets: of this service and of Cinder, or of two
    clusters."""
    return f"{client} ({uuid})"


class Secrets:
    """All methods raise libvirtError, which the driver translates."""

    def __init__(self, host: Host):
        self._host = host

    def ensure(
        self, usage_type: str, uuid: str, name: str, value: bytes | None, ephemeral: bool = False
    ) -> bool:
        """Ensure that libvirt has the secret ``uuid``. A secret with this uuid but another name is
        not changed: another program made it. ``ephemeral``: libvirt keeps it in its memory only.

        ``value`` None: the value is not known; returns False then if libvirt has no such secret.
        """
        secret = self._find(uuid)
        if value is None:
            return secret is not None
        if secret is None:
            config = LibvirtConfigSecret(usage_type, uuid, name, ephemeral)
            secret = self._host.get_connection().secretDefineXML(config.to_xml(), 0)
        if secret.usageID() == name:  # set always: a process may have died before it set it
            secret.setValue(value, 0)
        return True

    def remove(self, uuid: str) -> None:
        """Idempotent."""
        secret = self._find(uuid)
        if secret is not None:
            secret.undefine()

    def remove_by_usage(self, usage_type: int, name: str) -> None:
        """Idempotent. ``usage_type``: a VIR_SECRET_USAGE_TYPE_* value."""
        try:
            self._host.get_connection().secretLookupByUsage(usage_type, name).undefine()
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_NO_SECRET:
                raise

    def _find(self, uuid: str) -> libvirt.virSecret | None:
        try:
            return self._host.get_connection().secretLookupByUUIDString(uuid)
        except libvirt.libvirtError as exc:
            if exc.get_error_code() != libvirt.VIR_ERR_NO_SECRET:
                raise
            return None


def read_ceph_key(keyring: str, name: str) -> bytes:
    """The key of ``name`` (``client.USER``) in the text of a keyring file."""
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string("\n".join(line.strip() for line in keyring.splitlines()))
    return base64.b64decode(parser[name]["key"])
