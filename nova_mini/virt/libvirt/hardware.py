"""The guest's hardware as requested by the flavor's ``hw:NAME`` extra specs and the image's
``hw_NAME`` properties.

The flavor has precedence over the image. Names of hardware are checked here, so that a wrong one
gives a clear error message and not a domain that libvirt cannot start.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, overload

from oslo_utils import strutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.guest_options.choices import DISK_BUSES
from nova_mini.guest_options.option import GuestRequirements

if TYPE_CHECKING:
    from nova_mini.objects.flavor import Flavor
    from nova_mini.objects.image_meta import ImageMeta

MAX_SHOWN = 80  # characters of a refused value that are shown to the user

_X86 = ("x86_64", "i686")


@dataclasses.dataclass(frozen=True)
class Hardware:
    """The choices of one instance. All methods raise UnsupportedHardware for wrong values."""

    flavor: Flavor
    image_meta: ImageMeta

    @property
    def requirements(self) -> GuestRequirements:
        return GuestRequirements(
            extra_specs=self.flavor.extra_specs,
            image_properties=self.image_meta.properties,
            vcpus=self.flavor.vcpus,
            memory_mb=self.flavor.memory_mb,
        )

    def get(self, name: str) -> str | None:
        return self.requirements.hardware(name)

    @overload
    def choice(self, name: str, choices: tuple[str, ...], default: str) -> str: ...

    @overload
    def choice(self, name: str, choices: tuple[str, ...], default: None) -> str | None: ...

    def choice(self, name: str, choices: tuple[str, ...], default: str | None) -> str | None:
        value = self.get(name)
        return default if value is None else self.check(f"hw_{name}", value, choices)

    @staticmethod
    def check(name: str, value: str, choices: tuple[str, ...]) -> str:
        if value not in choices:
            raise exception.UnsupportedHardware(
                name=name, value=value[:MAX_SHOWN], choices=", ".join(choices)
            )
        return value

    def integer(self, name: str) -> int | None:
        return _positive(f"hw_{name}", self.get(name))

    def amount_of_image(self, name: str) -> int | None:
        """The image property ``hw_NAME``, which no flavor has. None also for 0."""
        name = f"hw_{name}"
        return _integer(name, self.image_meta.properties.get(name), "0 or a positive number")

    def boolean(self, name: str, default: bool = False) -> bool:
        return strutils.bool_from_string(self.get(name), default=default)

    def quota(self, name: str) -> int | None:
        """The limit ``quota:NAME`` of the flavor. None: no limit (also for the value 0)."""
        value = self.flavor.extra_specs.get(f"quota:{name}")
        return _integer(f"quota:{name}", value, "0 for no limit, or a positive number")

    def cpu_quota(self) -> int | None:
        """Microseconds per period. None: no limit (also for a negative value)."""
        value = self.flavor.extra_specs.get("quota:cpu_quota", "0")
        return None if value.startswith("-") else self.quota("cpu_quota")

    # -- choices that more than one module needs -----------------------------------------------

    def disk_bus(self) -> str:
        return self.choice("disk_bus", DISK_BUSES, "virtio")

    def cdrom_bus(self, arch: str) -> str:
        default = "ide"
        if arch not in _X86:
            default = "scsi"
        elif "q35" in (self.machine_type(arch) or ""):
            default = "sata"
        return self.choice("cdrom_bus", DISK_BUSES, default)

    def machine_type(self, arch: str) -> str | None:
        """None: the hypervisor's default."""
        return self.get("machine_type") or CONF.libvirt.hw_machine_type.get(arch)


def _positive(name: str, value: str | None) -> int | None:
    if value is not None and value.strip("0") == "":
        raise exception.UnsupportedHardware(name=name, value=value, choices="a positive number")
    return _integer(name, value, "a positive number")


def _integer(name: str, value: str | None, choices: str) -> int | None:
    """None also for 0."""
    if value is None:
        return None
    if not value.isdecimal():
        raise exception.UnsupportedHardware(name=name, value=value[:MAX_SHOWN], choices=choices)
    return int(value) or None
