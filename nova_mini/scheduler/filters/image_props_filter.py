"""Properties of the image against what the hosts can run."""

from __future__ import annotations

import functools
from collections.abc import Mapping

from oslo_utils import versionutils

from nova_mini.scheduler import filters
from nova_mini.scheduler.host_table import HypervisorFacts

# What is wanted -> the property's name, and the one it had before.
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


class ImagePropertiesFilter(filters.BaseHostFilter):
    """Hosts that can run the image's architecture, hypervisor type and vm mode."""

    def host_passes_all(self, hosts, spec):
        properties = spec.image_properties
        wanted = [_canonical(properties, n) for n in (_ARCHITECTURE, _HYPERVISOR_TYPE, _VM_MODE)]
        version = _property(properties, _HYPERVISOR_VERSION)
        if not any(wanted) and not version:
            return filters.everywhere(hosts)
        return hosts.where_facts(functools.partial(_can_run, wanted=wanted, version=version))


def _property(properties: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    return next((str(properties[name]) for name in names if properties.get(name)), None)


def _canonical(properties: Mapping[str, str], names: tuple[str, ...]) -> str | None:
    value = _property(properties, names)
    return _canonical_name(value) if value else None


def _canonical_name(name: str) -> str:
    return _SYNONYMS.get(name.lower(), name.lower())


def _can_run(facts: HypervisorFacts, wanted: list[str | None], version: str | None) -> bool:
    """``version``: comma separated comparisons with the hypervisor's, such as ``>=6.0,<9.0``."""
    if version and not _version_meets(facts.hypervisor_version, version):
        return False
    if not any(wanted):
        return True
    return any(
        all(
            want in (None, _canonical_name(has))
            for want, has in zip(wanted, supported, strict=False)
        )
        for supported in facts.supported_instances
    )


def _version_meets(version: int, predicate: str) -> bool:
    """A predicate that cannot be read is met by no host."""
    try:
        return versionutils.VersionPredicate(predicate).satisfied_by(
            versionutils.convert_version_to_str(version)
        )
    except ValueError:
        return False
