"""The virtual TPM (Trusted Platform Module) that a server requests."""

from __future__ import annotations

import dataclasses

from nova_mini.guest_options.option import GuestRequirements

VERSION_1_2, VERSION_2_0 = "1.2", "2.0"
TIS, CRB = "tpm-tis", "tpm-crb"
VERSIONS, MODELS = (VERSION_1_2, VERSION_2_0), (TIS, CRB)

# Who owns the passphrase of a TPM. Nova's other two let administrators move servers that run.
OWNER_USER = "user"
OWNERS = (OWNER_USER, "host", "deployment")


@dataclasses.dataclass(frozen=True)
class VirtualTpm:
    """``version``: one of :data:`VERSIONS`; ``model``: the interface, one of :data:`MODELS`."""

    version: str
    model: str


def of(requested: GuestRequirements) -> VirtualTpm | None:
    """None without a version: a model alone requests nothing, as in Nova."""
    version = requested.hardware("tpm_version")
    if not version:
        return None
    return VirtualTpm(version, requested.hardware("tpm_model") or TIS)


def is_owner_supported(value: str, requested: GuestRequirements) -> bool:
    """Whether ``hw:tpm_secret_security`` has the supported value, or belongs to no TPM."""
    return value == OWNER_USER or of(requested) is None
