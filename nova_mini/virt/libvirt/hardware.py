"""What a flavor's ``hw:NAME`` extra spec or an image's ``hw_NAME`` property ask of the guest.

The operator's flavor wins over the user's image. Values that name a kind of hardware are checked
here, so that a wrong one is a clear refusal and not a domain that libvirt will not start.
"""

from __future__ import annotations

import dataclasses

from oslo_utils import strutils

from nova_mini import exception
from nova_mini.conf import CONF

DISK_BUSES = ("virtio", "scsi", "ide", "sata", "usb")
VIF_MODELS = ("virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet")
VIDEO_MODELS = ("vga", "cirrus", "virtio", "qxl", "bochs", "vmvga", "none")
SCSI_MODELS = ("virtio-scsi", "lsilogic", "buslogic", "lsisas1068")
POINTER_MODELS = ("usbtablet", "ps2mouse")
WATCHDOG_ACTIONS = ("disabled", "none", "pause", "poweroff", "reset")
MAX_DIRECTLY_TOLD = 80  # characters of a refused value that are shown to the user

_X86 = ("x86_64", "i686")


@dataclasses.dataclass(frozen=True)
class Hardware:
    """What one instance may choose. Raises UnsupportedHardware for what is not to be had."""

    flavor: object
    image_meta: object

    def get(self, name: str) -> str | None:
        return self.flavor.extra_specs.get(f"hw:{name}") or self.image_meta.properties.get(
            f"hw_{name}"
        )

    def choice(self, name: str, choices: tuple[str, ...], default: str | None) -> str | None:
        value = self.get(name)
        return default if value is None else self.check(f"hw_{name}", value, choices)

    @staticmethod
    def check(name: str, value: str, choices: tuple[str, ...]) -> str:
        if value not in choices:
            raise exception.UnsupportedHardware(
                name=name, value=value[:MAX_DIRECTLY_TOLD], choices=", ".join(choices)
            )
        return value

    def integer(self, name: str) -> int | None:
        return _positive(f"hw_{name}", self.get(name))

    def boolean(self, name: str, default: bool = False) -> bool:
        return strutils.bool_from_string(self.get(name), default=default)

    def quota(self, name: str) -> int | None:
        """``quota:NAME``: limits are for the flavor alone."""
        return _positive(f"quota:{name}", self.flavor.extra_specs.get(f"quota:{name}"))

    # -- what has to be decided in more than one place -----------------------------------------

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
        """None for the hypervisor's own choice."""
        return self.get("machine_type") or CONF.libvirt.hw_machine_type.get(arch)


def _positive(name: str, value: str | None) -> int | None:
    if value is None:
        return None
    if not value.isdecimal() or int(value) == 0:
        raise exception.UnsupportedHardware(
            name=name, value=value[:MAX_DIRECTLY_TOLD], choices="a positive number"
        )
    return int(value)
