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

_FOREIGN = ("source", "auth", "backingStore", "mirror")  # parts of a disk that the host determines


@dataclasses.dataclass(frozen=True)
class Destination:
    """What the destination has prepared. ``uri``: of its libvirt, for the source's libvirt.
    ``address``: where QEMU waits for the guest. ``folder``: of the instance's files. ``disks``:
    device name -> element; ``interfaces``: MAC address -> element. ``graphics_listen``: an address,
    or None without graphics."""

    uri: str
    address: str
    folder: str
    disks: Mapping[str, str]
    interfaces: Mapping[str, str]
    graphics_listen: str | None = None

    def to_dict(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> Destination:
        return cls(**stored)


def for_destination(xml: str, source_folder: str, destination: Destination) -> str:
    """The definition ``xml`` of the source, changed for the destination."""
    domain = etree.fromstring(xml)
    for disk in domain.iterfind("devices/disk"):
        _change_disk(disk, destination.disks)
    for interface in domain.iterfind("devices/interface"):
        _change_interface(interface, destination.interfaces)
    for graphics in domain.iterfind("devices/graphics"):
        _change_graphics(graphics, destination.graphics_listen)
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


def _change_paths(domain: etree._Element, source_folder: str, folder: str) -> None:
    """Files in the folder of the instance: the console's log, the kernel and the ramdisk."""
    if source_folder == folder:
        return
    for node in domain.iterfind("devices//log"):
        _change_path(node.attrib, "file", source_folder, folder)
    for name in ("kernel", "initrd"):
        node = domain.find(f"os/{name}")
        if node is not None and node.text and node.text.startswith(f"{source_folder}/"):
            node.text = folder + node.text.removeprefix(source_folder)


def _change_path(attributes: Any, name: str, source_folder: str, folder: str) -> None:
    path = attributes.get(name)
    if path and path.startswith(f"{source_folder}/"):
        attributes[name] = folder + path.removeprefix(source_folder)


def folder_of(instance: Any) -> str:
    return str(utils.get_instance_path(instance))
