"""The definition of a guest at its destination: that of the source, with what differs there.

The source changes the definition that its libvirt sends. All that the guest sees stays: devices,
their addresses and their order.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from lxml import etree

from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.config_placement import Placement
from nova_mini.virt.libvirt.migration.copy_targets import Copies

_FOREIGN = ("source", "auth", "backingStore", "mirror")  # parts of a disk that the host determines


@dataclasses.dataclass(frozen=True)
class Destination:
    """What the destination has prepared. ``uri``: of its libvirt, for the source's libvirt.
    ``address``: where QEMU waits for the guest. ``folder``: of the instance's files. ``disks``:
    device name -> element; ``interfaces``: MAC address -> element. ``graphics_listen`` (of VNC) and
    ``spice_listen``: an address, or None without such graphics. ``serial``: the element of the
    serial port. ``copies``: the disks that are copied. ``placement``: on the CPUs and
    NUMA nodes; None: a destination of an older release, which keeps that of the source."""

    uri: str
    address: str
    folder: str
    disks: Mapping[str, str]
    interfaces: Mapping[str, str]
    graphics_listen: str | None = None
    spice_listen: str | None = None
    serial: str | None = None
    copies: Copies = Copies()
    placement: Placement | None = None

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Destination:
        placement = stored.get("placement")
        changed = {
            "copies": Copies.from_dict(stored["copies"]),
            "placement": Placement.from_dict(placement) if placement else None,
        }
        return cls(**{**stored, **changed})


def for_destination(xml: str, source_folder: str, destination: Destination) -> str:
    """The definition ``xml`` of the source, changed for the destination."""
    domain = etree.fromstring(xml)
    for disk in domain.iterfind("devices/disk"):
        _change_disk(disk, destination.disks)
    for interface in domain.iterfind("devices/interface"):
        _change_interface(interface, destination.interfaces)
    listen = {"vnc": destination.graphics_listen, "spice": destination.spice_listen}
    for graphics in domain.iterfind("devices/graphics"):
        _change_graphics(graphics, listen.get(graphics.get("type")))
    if destination.serial is not None:
        _change_serial(domain.find("devices"), etree.fromstring(destination.serial))
    if destination.placement is not None:
        destination.placement.change(domain)
    _change_paths(domain, source_folder, destination.folder)
    return etree.tostring(domain, encoding="unicode")


def _change_disk(disk: etree._Element, disks: Mapping[str, str]) -> None:
    found = disks.get(disk.find("target").get("dev"))
    if found is None:
        return
    new = etree.fromstring(found)
    disk.set("type", new.get("type"))
    for name in _FOREIGN:
        for old in disk.findall(name):
            disk.remove(old)
    driver, new_driver = disk.find("driver"), new.find("driver")
    if driver is not None and new_driver is not None:
        for name in ("cache", "discard", "type"):
            if new_driver.get(name) is not None:
                driver.set(name, new_driver.get(name))
    source = new.find("source")
    if source is not None:
        disk.insert(0 if driver is None else 1, source)


def _change_interface(interface: etree._Element, interfaces: Mapping[str, str]) -> None:
    found = interfaces.get(interface.find("mac").get("address"))
    if found is None:
        return
    new = etree.fromstring(found)
    interface.set("type", new.get("type"))
    for name in ("source", "virtualport", "target"):
        old, replacement = interface.find(name), new.find(name)
        position = len(interface) if old is None else interface.index(old)
        if old is not None:
            interface.remove(old)
        if replacement is not None:
            interface.insert(position, replacement)


def _change_graphics(graphics: etree._Element, listen: str | None) -> None:
    if listen is None:
        return
    graphics.set("listen", listen)
    for each in graphics.iterfind("listen"):
        if each.get("type") == "address":
            each.set("address", listen)


def _change_serial(devices: etree._Element, new: etree._Element) -> None:
    """Let the first serial port listen where the destination has reserved a port, or nowhere. The
    element ``console`` repeats the serial port: libvirt adds it again."""
    serial = devices.find("serial")
    if serial is None:
        return
    serial.set("type", new.get("type"))
    for name in ("source", "protocol"):
        for old in serial.findall(name):
            serial.remove(old)
    for position, name in enumerate(("source", "protocol")):
        found = new.find(name)
        if found is not None:
            serial.insert(position, found)
    for console in devices.findall("console"):
        target = console.find("target")
        if target is not None and target.get("type") == "serial":
            devices.remove(console)


def _change_paths(domain: etree._Element, source_folder: str, folder: str) -> None:
    """Files in the folder of the instance: the console's log, the kernel and the ramdisk, and the
    variables of its firmware."""
    if source_folder == folder:
        return
    for node in domain.iterfind("devices//log"):
        _change_path(node.attrib, "file", source_folder, folder)
    for name in ("kernel", "initrd", "nvram"):
        node = domain.find(f"os/{name}")
        if node is not None and node.text and node.text.startswith(f"{source_folder}/"):
            node.text = folder + node.text.removeprefix(source_folder)


def _change_path(attributes: Any, name: str, source_folder: str, folder: str) -> None:
    path = attributes.get(name)
    if path and path.startswith(f"{source_folder}/"):
        attributes[name] = folder + path.removeprefix(source_folder)


def folder_of(instance: Any) -> str:
    return str(utils.get_instance_path(instance))
