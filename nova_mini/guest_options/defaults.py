"""Tests whether a value requests only what every guest has by default."""

from __future__ import annotations

from oslo_utils import strutils

from nova_mini.guest_options.option import GuestRequirements, Test


def off(value: str, requested: GuestRequirements) -> bool:
    """False, as for every guest."""
    return not strutils.bool_from_string(value)


def zero(value: str, requested: GuestRequirements) -> bool:
    """Zero: none of a resource, or no limit."""
    return number(value) == 0


def at_most(limit: int) -> Test:
    return lambda value, requested: (number(value) or 0) <= limit


def amount_of_flavor(name: str) -> Test:
    """The amount of a resource that the flavor has; ``name``: a field of GuestRequirements."""
    return lambda value, requested: number(value) == getattr(requested, name)


def topology_within(part: str) -> Test:
    """A limit for sockets, cores or threads that the guest's topology does not exceed."""
    return lambda value, requested: topology(requested)[part] <= (number(value) or 0)


def topology(requested: GuestRequirements) -> dict[str, int]:
    """Sockets, cores and threads of the guest: as requested, else one socket for each vCPU."""
    cores = _topology_part(requested, "cores") or 1
    threads = _topology_part(requested, "threads") or 1
    sockets = _topology_part(requested, "sockets") or max(1, requested.vcpus // (cores * threads))
    return {"sockets": sockets, "cores": cores, "threads": threads}


def _topology_part(requested: GuestRequirements, part: str) -> int | None:
    text = requested.extra_specs.get(f"hw:cpu_{part}") or requested.image_properties.get(
        f"hw_cpu_{part}"
    )
    return number(text) if text else None


def number(text: str) -> int | None:
    """None for a text that is no number."""
    try:
        return int(text)
    except ValueError:
        return None
