"""Nova's metadata of a domain, in the ``<metadata>`` element of its XML.

Monitoring tools on the host (Ceilometer's libvirt pollster, exporters for Prometheus) expect Nova's
namespace and element names.
"""

from __future__ import annotations

import dataclasses
import datetime
import re
from collections.abc import Iterable
from importlib import metadata
from typing import TYPE_CHECKING

import libvirt
from lxml import etree

from nova_mini.virt.libvirt.config_devices import LibvirtConfigObject, element

if TYPE_CHECKING:
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance

NOVA_NS = "http://openstack.org/xmlns/libvirt/nova/1.1"

#: Marks a domain as one of this service. A host may also have domains of Nova itself, which have
#: ``NOVA_NS`` too; this service must not touch them. Domains that the first release of nova_mini
#: defined have only this namespace.
OWN_NS = "http://openstack.org/xmlns/libvirt/nova-mini/1.0"

_UNKNOWN = "N/A"  # Nova's text for the name of a user or project that was not recorded
_NOT_IN_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_PROPERTY_PREFIXES = ("hw_", "img_", "os_")  # Nova writes only the properties that it defines


@dataclasses.dataclass
class LibvirtConfigGuestMetaNovaFlavor(LibvirtConfigObject):
    """``memory`` and ``swap`` in MiB, ``disk`` and ``ephemeral`` in GiB."""

    name: str
    id: str
    memory: int
    disk: int
    swap: int
    ephemeral: int
    vcpus: int
    extra_specs: dict[str, str]

    def format_dom(self) -> etree._Element:
        node = _node("flavor", name=self.name, id=self.id)
        for tag in ("memory", "disk", "swap", "ephemeral", "vcpus"):
            node.append(_node(tag, getattr(self, tag)))
        node.append(_named("extraSpecs", "extraSpec", self.extra_specs))
        return node


@dataclasses.dataclass
class LibvirtConfigGuestMetaImage(LibvirtConfigObject):
    """``uuid`` is None for a server without an image; ``properties`` are its volume's then."""

    uuid: str | None
    container_format: str | None
    disk_format: str | None
    min_disk: int
    min_ram: int
    properties: dict[str, str]

    def format_dom(self) -> etree._Element:
        node = _node("image", uuid=self.uuid or "")
        fields = {
            "containerFormat": self.container_format,
            "diskFormat": self.disk_format,
            "minDisk": self.min_disk,
            "minRam": self.min_ram,
        }
        node.extend(_node(tag, value) for tag, value in fields.items() if value is not None)
        node.append(_named("properties", "property", self.properties))
        return node


@dataclasses.dataclass
class LibvirtConfigGuestMetaNovaOwner(LibvirtConfigObject):
    """The names as they were when the server was created."""

    user_id: str
    project_id: str
    user_name: str = _UNKNOWN
    project_name: str = _UNKNOWN

    def format_dom(self) -> etree._Element:
        node = _node("owner")
        node.append(_node("user", self.user_name, uuid=self.user_id))
        node.append(_node("project", self.project_name, uuid=self.project_id))
        return node


@dataclasses.dataclass
class LibvirtConfigGuestMetaNovaPort(LibvirtConfigObject):
    """``addresses``: (address, IP version) of each fixed IP."""

    uuid: str
    addresses: list[tuple[str, int]]

    def format_dom(self) -> etree._Element:
        node = _node("port", uuid=self.uuid)
        for address, version in self.addresses:
            node.append(_node("ip", type="fixed", address=address, ipVersion=version))
        return node


@dataclasses.dataclass
class LibvirtConfigGuestMetaNovaInstance(LibvirtConfigObject):
    """All users of the host can read this, so it holds no user metadata, keys or passwords.

    ``package``: the version of this service. ``root_type``: "image" or "volume"; ``root_id``: the
    id of the image, or None.
    """

    package: str
    name: str
    creation_time: datetime.datetime | None
    flavor: LibvirtConfigGuestMetaNovaFlavor
    image: LibvirtConfigGuestMetaImage
    owner: LibvirtConfigGuestMetaNovaOwner
    root_type: str
    root_id: str | None
    ports: list[LibvirtConfigGuestMetaNovaPort]

    def format_dom(self) -> etree._Element:
        node = etree.Element(f"{{{NOVA_NS}}}instance", nsmap={"nova": NOVA_NS})
        node.append(_node("package", version=self.package))
        node.append(_node("name", self.name))
        if self.creation_time:
            node.append(_node("creationTime", f"{self.creation_time:%Y-%m-%d %H:%M:%S}"))
        for part in (self.flavor, self.image, self.owner):
            node.append(part.format_dom())
        node.append(_node("root", type=self.root_type, uuid=self.root_id or ""))
        node.append(_node("ports"))
        node[-1].extend(port.format_dom() for port in self.ports)
        return node


def mark_dom() -> etree._Element:
    """The element that :func:`is_own_domain` looks for."""
    return etree.Element(f"{{{OWN_NS}}}instance", nsmap={"nova-mini": OWN_NS})


def is_own_domain(domain: libvirt.virDomain) -> bool:
    """Whether this service (any release) defined the domain."""
    try:
        domain.metadata(libvirt.VIR_DOMAIN_METADATA_ELEMENT, OWN_NS)
    except libvirt.libvirtError as exc:
        if exc.get_error_code() in (
            libvirt.VIR_ERR_NO_DOMAIN_METADATA,
            libvirt.VIR_ERR_NO_DOMAIN,  # undefined after it was listed
        ):
            return False
        raise
    return True


def from_instance(
    instance: Instance, network_info: Iterable, image_meta: ImageMeta
) -> LibvirtConfigGuestMetaNovaInstance:
    """Nova's metadata of ``instance`` as it is now."""
    system_metadata, flavor = instance.system_metadata, instance.flavor
    return LibvirtConfigGuestMetaNovaInstance(
        package=metadata.version("nova-mini"),
        name=instance.display_name or instance.uuid,
        creation_time=instance.created_at,
        flavor=LibvirtConfigGuestMetaNovaFlavor(
            name=flavor.name,
            id=flavor.flavorid,
            memory=flavor.memory_mb,
            disk=flavor.root_gb,
            swap=flavor.swap,
            ephemeral=flavor.ephemeral_gb,
            vcpus=flavor.vcpus,
            extra_specs=flavor.extra_specs,
        ),
        image=_image(image_meta),
        owner=LibvirtConfigGuestMetaNovaOwner(
            user_id=instance.user_id,
            project_id=instance.project_id,
            user_name=system_metadata.get("owner_user_name") or _UNKNOWN,
            project_name=system_metadata.get("owner_project_name") or _UNKNOWN,
        ),
        root_type="image" if instance.image_ref else "volume",
        root_id=image_meta.id,
        ports=[_port(vif) for vif in network_info],
    )


def _image(image_meta) -> LibvirtConfigGuestMetaImage:
    return LibvirtConfigGuestMetaImage(
        uuid=image_meta.id,
        container_format=image_meta.container_format,
        disk_format=image_meta.disk_format,
        min_disk=image_meta.min_disk,
        min_ram=image_meta.min_ram,
        properties={
            name: value
            for name, value in image_meta.properties.items()
            if name.startswith(_PROPERTY_PREFIXES)
        },
    )


def _port(vif) -> LibvirtConfigGuestMetaNovaPort:
    return LibvirtConfigGuestMetaNovaPort(
        vif.id, [(ip.address, ip.version) for ip in vif.fixed_ips()]
    )


def _named(tag: str, item_tag: str, values: dict[str, str]) -> etree._Element:
    """An element with a child for each value: ``<item_tag name="key">value</item_tag>``."""
    node = _node(tag)
    node.extend(_node(item_tag, value, name=name) for name, value in values.items())
    return node


def _node(tag: str, text: object = None, **attributes: object) -> etree._Element:
    """An element of Nova's namespace.

    Users choose some of the texts. XML cannot hold most control characters and lxml refuses them;
    they must not fail a build, so each is replaced by U+FFFD.
    """
    legal = {name: _legal(value) for name, value in attributes.items()}
    return element(f"{{{NOVA_NS}}}{tag}", None if text is None else _legal(text), **legal)


def _legal(value: object) -> str:
    return _NOT_IN_XML.sub("\ufffd", str(value))
