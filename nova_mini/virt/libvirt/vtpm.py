"""Virtual TPMs: swtpm emulates them, and libvirt starts it with the guest.

The state of a TPM is encrypted with a passphrase, which swtpm gets when it starts. libvirt has the
passphrase for that time only, in a secret that it neither stores nor shows.
"""

from __future__ import annotations

import contextlib
import grp
import pwd
from collections.abc import Iterator
from typing import TYPE_CHECKING

import libvirt

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.external import vtpm_key
from nova_mini.guest_options import vtpm
from nova_mini.trace import traced

if TYPE_CHECKING:
    from lxml import etree

    from nova_mini.context import RequestContext
    from nova_mini.keymgr.passphrases import Passphrases
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.secrets import Secrets

_USAGE = "vtpm"


def check_host() -> None:
    """Raises ConfigurationError if this host is to have virtual TPMs, and cannot."""
    if not CONF.libvirt.swtpm_enabled:
        return
    if not CONF.key_manager.backend:
        raise exception.ConfigurationError("[libvirt] swtpm_enabled needs [key_manager] backend")
    try:
        owner_of_states()
    except KeyError as exc:
        raise exception.ConfigurationError(f"[libvirt] swtpm_user, swtpm_group: {exc}") from exc


def owner_of_states() -> tuple[int, int]:
    """The user and the group of swtpm. Raises KeyError if this host does not have them."""
    user, group = CONF.libvirt.swtpm_user, CONF.libvirt.swtpm_group
    return pwd.getpwnam(user).pw_uid, grp.getgrnam(group).gr_gid


def offered(domain: etree._Element) -> tuple[set[str], set[str]]:
    """The versions and the models that swtpm emulates, by libvirt's capabilities of domains."""
    node = domain.find("devices/tpm[@supported='yes']")
    if node is None or "emulator" not in _values(node, "backendModel"):
        return set(), set()
    versions = _values(node, "backendVersion").intersection(vtpm.VERSIONS)
    return versions, _values(node, "model").intersection(vtpm.MODELS)


def _values(node: etree._Element, name: str) -> set[str]:
    return {each.text or "" for each in node.iterfind(f"enum[@name='{name}']/value")}


class VirtualTpms:
    """The TPMs of this host's guests."""

    def __init__(self, secrets: Secrets, passphrases: Passphrases):
        self._secrets = secrets
        self._passphrases = passphrases

    @contextlib.contextmanager
    def unlocked(self, context: RequestContext, instance: Instance) -> Iterator[None]:
        """Context manager: libvirt can start the guest during the body. ``context``: of the user
        whose token reads the passphrase. Raises KeyNotAvailable."""
        if vtpm_key.tpm_of(instance) is None:
            yield
            return
        passphrase_id = self._define(context, instance)
        try:
            yield
        finally:
            self._secrets.remove(passphrase_id)

    @traced("VirtualTpms._define")
    def _define(self, context: RequestContext, instance: Instance) -> str:
        passphrase = vtpm_key.of(instance)
        if passphrase is None:
            raise exception.KeyNotAvailable(key_id="of the virtual TPM")
        content = self._passphrases.get(context, passphrase, instance.project_id)
        self._secrets.ensure(_USAGE, passphrase.id, instance.uuid, content, ephemeral=True)
        return passphrase.id

    def forget(self, instance_uuid: str) -> None:
        """Remove a secret that a process has left which died. Idempotent."""
        self._secrets.remove_by_usage(libvirt.VIR_SECRET_USAGE_TYPE_VTPM, instance_uuid)
