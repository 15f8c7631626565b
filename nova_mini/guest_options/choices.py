"""The kinds of hardware that the libvirt driver supports, by Nova's names."""

from __future__ import annotations

DEVICE_TYPES = ("disk", "cdrom", "floppy", "lun")
DISK_BUSES = ("virtio", "scsi", "ide", "sata", "usb")
VIF_MODELS = ("virtio", "e1000", "e1000e", "rtl8139", "ne2k_pci", "pcnet")
VIDEO_MODELS = ("vga", "cirrus", "virtio", "qxl", "bochs", "vmvga", "none")
SCSI_MODELS = ("virtio-scsi", "lsilogic", "buslogic", "lsisas1068")
POINTER_MODELS = ("usbtablet", "ps2mouse")
WATCHDOG_ACTIONS = ("disabled", "none", "pause", "poweroff", "reset")
FIRMWARE_TYPES = ("bios", "uefi")
