"""The passphrase of a server's virtual TPM, which encrypts its state.

The key manager has the passphrase; the server's system metadata has its id, by Nova's name. It is
made before the guest is defined, and deleted with the server or with its TPM.
"""

from __future__ import annotations

import logging

from nova_mini import disclosure, exception
from nova_mini.context import RequestContext
from nova_mini.guest_options import vtpm
from nova_mini.guest_options.option import GuestRequirements
from nova_mini.keymgr.passphrases import Passphrase, Passphrases
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_ID, _OWNER, _SERVICE = "vtpm_secret_uuid", "vtpm_secret_owner", "service"


def tpm_of(instance: Instance, flavor: Flavor | None = None) -> vtpm.VirtualTpm | None:
    """The TPM of the server; with ``flavor`` instead of its own."""
    properties = ImageMeta.from_instance(instance).properties
    return vtpm.of(GuestRequirements((flavor or instance.flavor).extra_specs, properties))


def of(instance: Instance) -> Passphrase | None:
    """None until it is made."""
    items = instance.system_metadata
    return Passphrase(items[_ID], items.get(_OWNER) == _SERVICE) if _ID in items else None


@traced("vtpm_key.ensure")
def ensure(passphrases: Passphrases, context: RequestContext, instance: Instance) -> None:
    """Make the passphrase of a server with a TPM, and save its id. Idempotent. Raises
    KeyManagerUnavailable, KeyNotStored."""
    if tpm_of(instance) is None or of(instance):
        return
    made = passphrases.ensure(context, instance.project_id, _name(instance))
    owner = {_OWNER: _SERVICE} if made.is_of_service else {}
    instance.change_system_metadata({_ID: made.id, **owner})
    instance.save()


@traced("vtpm_key.discard")
def discard(passphrases: Passphrases, context: RequestContext, instance: Instance) -> None:
    """Delete the passphrase of a server that is deleted, and its id (not saved). Idempotent.

    A passphrase that the key manager refuses to delete stays. Raises KeyManagerUnavailable.
    """
    known = of(instance)
    if known is None and tpm_of(instance) is None:
        return
    try:
        passphrases.delete(context, instance.project_id, _name(instance), known)
    except (exception.KeyNotDeleted, exception.ConfigurationError) as exc:
        if known:
            LOG.warning(
                "Instance %s: could not delete the key %s of its virtual TPM: %s",
                instance.uuid,
                known.id,
                disclosure.message_for_operator(exc),
            )
    instance.change_system_metadata({}, removed=(_ID, _OWNER))


def discard_unused(passphrases: Passphrases, context: RequestContext, instance: Instance) -> None:
    """As :func:`discard`, if the server has no TPM any more."""
    if of(instance) and tpm_of(instance) is None:
        discard(passphrases, context, instance)


def _name(instance: Instance) -> str:
    """Nova's name: the server's owner sees it in the list of the project's secrets."""
    return f"vTPM secret for instance {instance.uuid}"
