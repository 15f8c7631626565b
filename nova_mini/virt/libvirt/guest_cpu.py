"""The CPU of a guest: its mode and model by the configuration, its topology as requested."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.config import LibvirtConfigGuestCPU

if TYPE_CHECKING:
    from nova_mini.numa.guest import GuestTopology
    from nova_mini.objects.flavor import Flavor
    from nova_mini.virt.libvirt.hardware import Hardware

CPU_TRAITS = "trait:HW_CPU_"


def mode() -> str | None:
    """How the CPU of guests is chosen; None: by QEMU."""
    configured = CONF.libvirt.cpu_mode
    if configured is None and CONF.libvirt.virt_type == "kvm":
        return "host-model"
    return None if configured == "none" else configured


def models() -> list[str]:
    """The models of which a guest gets one, the first of them by default."""
    return CONF.libvirt.cpu_models if mode() == "custom" else []


def extra_flags() -> dict[str, str]:
    """libvirt's name of a feature -> ``require`` or ``disable``. QEMU's own choice of the CPU has
    no changes."""
    if mode() is None:
        return {}
    return {
        flag.lstrip("+-").lower(): "disable" if flag.startswith("-") else "require"
        for flag in CONF.libvirt.cpu_model_extra_flags
    }


def for_guest(
    flavor: Flavor,
    hardware: Hardware,
    traits_of_models: Mapping[str, frozenset[str]],
    numa: GuestTopology | None = None,
) -> LibvirtConfigGuestCPU:
    """``traits_of_models``: of each of :func:`models`. Raises UnsupportedHardware, and
    HypervisorError if no model has the traits that the server requires."""
    config = LibvirtConfigGuestCPU(
        mode=mode(), model=_model(hardware, traits_of_models), features=extra_flags(), numa=numa
    )
    requested = {name: hardware.integer(f"cpu_{name}") for name in ("sockets", "cores", "threads")}
    if any(requested.values()):
        config.cores, config.threads = requested["cores"] or 1, requested["threads"] or 1
        config.sockets = requested["sockets"] or flavor.vcpus // (config.cores * config.threads)
        if config.sockets * config.cores * config.threads != flavor.vcpus:
            raise exception.UnsupportedHardware(
                name="CPU topology",
                value=f"{config.sockets} x {config.cores} x {config.threads}",
                choices=f"sockets x cores x threads = {flavor.vcpus} vcpus",
            )
    return config


def _model(hardware: Hardware, traits_of_models: Mapping[str, frozenset[str]]) -> str | None:
    """The first model with all features that the server requires."""
    candidates = models()
    if len(candidates) < 2:
        return candidates[0] if candidates else None
    both = (hardware.flavor.extra_specs, hardware.image_meta.properties)
    required = {
        key.removeprefix("trait:")
        for values in both
        for key, value in values.items()
        if key.startswith(CPU_TRAITS) and value == "required"
    }
    for name in candidates:
        if required <= traits_of_models.get(name, frozenset()):
            return name
    raise exception.HypervisorError(reason=f"no model in cpu_models has {sorted(required)}")
