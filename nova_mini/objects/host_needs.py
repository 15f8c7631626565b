"""What an image requires of its host: architecture, hypervisor type and version, and VM mode."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from oslo_utils import versionutils

# The name of each property, and its older name.
_ARCHITECTURE = ("hw_architecture", "architecture")
_HYPERVISOR_TYPE = ("img_hv_type", "hypervisor_type")
_VM_MODE = ("hw_vm_mode", "vm_mode")
_HYPERVISOR_VERSION = ("img_hv_requested_version", "hypervisor_version_requires")

_SYNONYMS = {
    "amd64": "x86_64",
    "x64": "x86_64",
    "i386": "i686",
    "i486": "i686",
    "i586": "i686",
    "x86": "i686",
    "arm64": "aarch64",
    "xapi": "xen",
    "pv": "xen",
    "hv": "hvm",
    "baremetal": "hvm",
}


@dataclasses.dataclass(frozen=True)
class HostNeeds:
    """``instance``: (architecture, hypervisor type, VM mode), None for any. ``version``: comma
    separated comparisons with the hypervisor's version, such as ``>=6.0,<9.0``, or None."""

    instance: tuple[str | None, ...]
    version: str | None

    @classmethod
    def of(cls, properties: Mapping[str, str]) -> HostNeeds:
        """The requirements in the properties of an image."""
        names = (_ARCHITECTURE, _HYPERVISOR_TYPE, _VM_MODE)
        required = tuple(_canonical(_property(properties, each)) for each in names)
        return cls(required, _property(properties, _HYPERVISOR_VERSION))

    def __bool__(self) -> bool:
        """Whether there is any requirement."""
        return any(self.instance) or bool(self.version)

    def are_met_by(
        self, supported_instances: Sequence[Sequence[str]], hypervisor_version: int
    ) -> bool:
        """Whether a host with these values (see ``ComputeNode``) can run the image."""
        if self.version and not _version_meets(hypervisor_version, self.version):
            return False
        if not any(self.instance):
            return True
        return any(
            all(
                required in (None, _canonical(value))
                for required, value in zip(self.instance, supported, strict=False)
            )
            for supported in supported_instances
        )


def _property(properties: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((str(properties[name]) for name in names if properties.get(name)), None)


def _canonical(name: str | None) -> str | None:
    return _SYNONYMS.get(name.lower(), name.lower()) if name else None


def _version_meets(version: int, predicate: str) -> bool:
    """Whether the version meets the predicate. No version meets an invalid predicate."""
    try:
        return versionutils.VersionPredicate(predicate).satisfied_by(
            versionutils.convert_version_to_str(version)
        )
    except ValueError:
        return False
