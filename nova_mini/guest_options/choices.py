"""The kinds of hardware that the libvirt driver supports, by Nova's names."""

from __future__ import annotations

DEVICE_TYPES = ("disk", "cdrom", "floppy", "lun")
DISK_BUSES = ("virtio", "scsi", "ide", "sata", "usb")
VIF_MODELS = ("virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet")
VIDEO_MODELS = ("vga", "cirrus", "virtio", "qxl", "bochs", "vmvga", "none")
SCSI_MODELS = ("virtio-scsi", "lsilogic", "buslogic", "lsisas1068")
POINTER_MODELS = ("usbtablet", "ps2mouse")
INPUT_BUSES = ("usb", "virtio")
# Of an x86 machine with QEMU 7.2 and libvirt 9.
SOUND_MODELS = ("sb16", "es1370", "ac97", "ich6", "ich9", "usb")
USB_MODELS = (
    "piix3-uhci",
    "piix4-uhci",
    "ehci",
    "ich9-ehci1",
    "pci-ohci",
    "nec-xhci",
    "qemu-xhci",
    "none",
)
SERIAL_PORTS = 4  # of an x86 machine
# The video devices whose memory can be chosen.
VIDEO_RAM_MODELS = ("vga", "qxl", "bochs", "vmvga")
WATCHDOG_ACTIONS = ("disabled", "none", "pause", "poweroff", "reset")
FIRMWARE_TYPES = ("bios", "uefi")
