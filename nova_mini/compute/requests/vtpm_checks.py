"""Operations that Nova refuses for servers with a virtual TPM: its state stays on its host, and
only its user may read the passphrase."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.external import vtpm_key
from nova_mini.objects.instance import Instance


def refuse(instance: Instance, operation: str) -> None:
    """``operation``: Nova's name. Raises OperationNotSupportedForVTPM (409)."""
    if vtpm_key.tpm_of(instance):
        raise exception.OperationNotSupportedForVTPM(
            instance_uuid=instance.uuid, operation=operation
        )
