"""The devices of a domain as objects; see :mod:`.config`."""

from __future__ import annotations

import abc
import dataclasses

from lxml import etree

from nova_mini import exception


def element(tag: str, text: object = None, **attributes: object) -> etree._Element:
    """Make an element; attributes with the value None are left out.

    Raises Invalid for a text that XML cannot hold (some control characters).
    """
    node = etree.Element(tag)
    try:
        if text is not None:
            node.text = str(text)
        for name, value in attributes.items():
            if value is not None:
                node.set(name, str(value))
    except ValueError as exc:
        raise exception.Invalid(
            "The server, its flavor or its image has a text with control characters that are not "
            "allowed in the definition of a guest."
        ) from exc
    return node


class LibvirtConfigObject(abc.ABC):
    @abc.abstractmethod
    def format_dom(self) -> etree._Element:
        """The element as libvirt documents it."""

    def to_xml(self) -> str:
        return etree.tostring(self.format_dom(), encoding="unicode", pretty_print=True)


# type of a source -> its attribute with the path or name
_SOURCE_PATHS = {"file": "file", "block": "dev", "network": "name"}

Place = tuple[str, str | None, str | None]  # type, protocol and path of a source


def _place(node) -> Place:
    kind, source = node.get("type", "file"), node.find("source")
    if source is None:
        return kind, None, None
    return kind, source.get("protocol"), source.get(_SOURCE_PATHS.get(kind, "file"))


@dataclasses.dataclass
class LibvirtConfigGuestDisk(LibvirtConfigObject):
    """A disk or CD-ROM. ``source_path``: a file, a block device or, with ``source_type`` network,
    the name of an image or a LUN.

    ``source_hosts``: (address, port); ``auth_secret``: (usage type, uuid of libvirt's secret).
    ``encryption_secret``: uuid of the secret with the passphrase of LUKS. ``iotune``: libvirt's
    names (``total_bytes_sec``, ``read_iops_sec``, ...) and numbers. ``slice_size``: the disk is
    only the first ``slice_size`` bytes of the source. ``mirror``: the ``place`` to which a running
    domain copies the disk now.
    """

    source_path: str | None
    target_dev: str
    target_bus: str
    source_device: str = "disk"  # or "cdrom"
    driver_format: str = "raw"
    driver_cache: str | None = None
    driver_discard: str | None = None
    boot_order: int | None = None
    serial: str | None = None
    readonly: bool = False
    shareable: bool = False
    source_type: str = "file"  # or "block", "network"
    source_protocol: str | None = None
    source_hosts: list[tuple[str, str]] = dataclasses.field(default_factory=list)
    source_initiator: str | None = None
    auth_username: str | None = None
    auth_secret: tuple[str, str] | None = None
    encryption_secret: str | None = None
    iotune: dict[str, int] = dataclasses.field(default_factory=dict)
    slice_size: int | None = None
    alias: str | None = None  # libvirt's name of the device; only while the domain runs
    mirror: Place | None = None
    mirror_is_ready: bool = False

    @property
    def place(self) -> Place:
        return self.source_type, self.source_protocol, self.source_path

    def format_dom(self) -> etree._Element:
        disk = element("disk", type=self.source_type, device=self.source_device)
        disk.append(
            element(
                "driver",
                name="qemu",
                type=self.driver_format,
                cache=self.driver_cache,
                discard=self.driver_discard,
            )
        )
        if self.source_path:
            disk.append(self._source())
        disk.append(element("target", dev=self.target_dev, bus=self.target_bus))
        if self.boot_order:
            disk.append(element("boot", order=self.boot_order))
        if self.serial:
            disk.append(element("serial", self.serial))
        if self.iotune:
            tune = element("iotune")
            tune.extend(element(name, value) for name, value in sorted(self.iotune.items()))
            disk.append(tune)
        if self.readonly:
            disk.append(element("readonly"))
        if self.shareable:
            disk.append(element("shareable"))
        return disk

    def _source(self):
        path = {_SOURCE_PATHS[self.source_type]: self.source_path}
        source = element("source", protocol=self.source_protocol, **path)
        source.extend(element("host", name=name, port=port) for name, port in self.source_hosts)
        if self.auth_secret:
            usage, uuid = self.auth_secret
            source.append(element("auth", username=self.auth_username))
            source[-1].append(element("secret", type=usage, uuid=uuid))
        if self.encryption_secret:
            source.append(element("encryption", format="luks"))
            source[-1].append(element("secret", type="passphrase", uuid=self.encryption_secret))
        if self.source_initiator:
            source.append(element("initiator"))
            source[-1].append(element("iqn", name=self.source_initiator))
        if self.slice_size:
            source.append(element("slices"))
            source[-1].append(element("slice", type="storage", offset=0, size=self.slice_size))
        return source

    @classmethod
    def parse_dom(cls, node: etree._Element) -> LibvirtConfigGuestDisk:
        target, driver, mirror = node.find("target"), node.find("driver"), node.find("mirror")
        boot = node.find("boot")
        source_type, protocol, path = _place(node)
        return cls(
            source_path=path,
            source_type=source_type,
            source_protocol=protocol,
            source_hosts=[(h.get("name"), h.get("port")) for h in node.iterfind("source/host")],
            boot_order=None if boot is None else int(boot.get("order")),
            mirror=None if mirror is None else _place(mirror),
            mirror_is_ready=mirror is not None and mirror.get("ready") == "yes",
            target_dev=target.get("dev"),
            target_bus=target.get("bus"),
            source_device=node.get("device", "disk"),
            driver_format="raw" if driver is None else driver.get("type", "raw"),
            serial=node.findtext("serial"),
            alias=_alias(node),
        )


@dataclasses.dataclass
class LibvirtConfigGuestInterface(LibvirtConfigObject):
    """A NIC on a bridge; ``openvswitch_id`` (the port) when the bridge is Open vSwitch's.
    ``driver``: attributes of a virtio NIC; ``bandwidth``: inbound and outbound -> average, peak
    (KiB per second) and burst (KiB)."""

    mac_addr: str
    target_dev: str
    source_bridge: str
    model: str = "virtio"
    mtu: int | None = None
    openvswitch_id: str | None = None
    host_offload: dict[str, str] = dataclasses.field(default_factory=dict)
    guest_offload: dict[str, str] = dataclasses.field(default_factory=dict)
    driver: dict[str, str] = dataclasses.field(default_factory=dict)
    bandwidth: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    alias: str | None = None

    def format_dom(self) -> etree._Element:
        interface = element("interface", type="bridge")
        interface.append(element("mac", address=self.mac_addr))
        interface.append(element("source", bridge=self.source_bridge))
        if self.openvswitch_id:
            port = element("virtualport", type="openvswitch")
            port.append(element("parameters", interfaceid=self.openvswitch_id))
            interface.append(port)
        interface.append(element("model", type=self.model))
        if self.driver or self.host_offload or self.guest_offload:
            driver = element("driver", **self.driver)
            if self.host_offload:
                driver.append(element("host", **self.host_offload))
            if self.guest_offload:
                driver.append(element("guest", **self.guest_offload))
            interface.append(driver)
        if self.bandwidth:
            interface.append(element("bandwidth"))
            limits = self.bandwidth.items()
            interface[-1].extend(element(direction, **values) for direction, values in limits)
        interface.append(element("target", dev=self.target_dev))
        if self.mtu:
            interface.append(element("mtu", size=self.mtu))
        return interface

    @classmethod
    def parse_dom(cls, node: etree._Element) -> LibvirtConfigGuestInterface:
        source, target, model = node.find("source"), node.find("target"), node.find("model")
        return cls(
            mac_addr=node.find("mac").get("address"),
            target_dev="" if target is None else target.get("dev", ""),
            source_bridge="" if source is None else source.get("bridge", ""),
            model="" if model is None else model.get("type", ""),
            alias=_alias(node),
        )


def _alias(node) -> str | None:
    alias = node.find("alias")
    return None if alias is None else alias.get("name")


@dataclasses.dataclass
class LibvirtConfigGuestTpm(LibvirtConfigObject):
    """A TPM that swtpm emulates. ``model``: tpm-tis or tpm-crb; ``version``: 1.2 or 2.0;
    ``secret``: uuid of the secret with the passphrase of its state."""

    model: str
    version: str
    secret: str

    def format_dom(self) -> etree._Element:
        tpm = element("tpm", model=self.model)
        tpm.append(element("backend", type="emulator", version=self.version))
        tpm[-1].append(element("encryption", secret=self.secret))
        return tpm


@dataclasses.dataclass
class LibvirtConfigGuestController(LibvirtConfigObject):
    type: str
    model: str
    index: int = 0

    def format_dom(self) -> etree._Element:
        return element("controller", type=self.type, index=self.index, model=self.model)


@dataclasses.dataclass
class LibvirtConfigGuestSerial(LibvirtConfigObject):
    """A serial port. ``log_path``: the file to which its output is appended, or None. ``listen``:
    the address and the TCP port at which users read and write it; None: they cannot."""

    log_path: str | None
    port: int = 0
    listen: tuple[str, int] | None = None

    def format_dom(self) -> etree._Element:
        serial = element("serial", type="tcp" if self.listen else "pty")
        if self.listen:
            host, service = self.listen
            serial.append(element("source", mode="bind", host=host, service=service))
            serial.append(element("protocol", type="raw"))
        if self.log_path:
            serial.append(element("log", file=self.log_path, append="on"))
        serial.append(element("target", port=self.port))
        return serial


@dataclasses.dataclass
class LibvirtConfigGuestChannel(LibvirtConfigObject):
    """A socket between host and guest, for QEMU's guest agent."""

    target_name: str = "org.qemu.guest_agent.0"

    def format_dom(self) -> etree._Element:
        channel = element("channel", type="unix")
        channel.append(element("target", type="virtio", name=self.target_name))
        return channel


@dataclasses.dataclass
class LibvirtConfigGuestSpiceChannel(LibvirtConfigObject):
    """The channel of SPICE's agent."""

    def format_dom(self) -> etree._Element:
        channel = element("channel", type="spicevmc")
        channel.append(element("target", type="virtio", name="com.redhat.spice.0"))
        return channel


@dataclasses.dataclass
class LibvirtConfigGuestInput(LibvirtConfigObject):
    type: str = "tablet"
    bus: str = "usb"

    def format_dom(self) -> etree._Element:
        return element("input", type=self.type, bus=self.bus)


@dataclasses.dataclass
class LibvirtConfigGuestGraphics(LibvirtConfigObject):
    """``is_secure``: of SPICE: without TLS no client can connect."""

    listen: str
    type: str = "vnc"
    is_secure: bool = False

    def format_dom(self) -> etree._Element:
        graphics = element("graphics", type=self.type, port=-1, autoport="yes")
        if self.is_secure:
            graphics.set("defaultMode", "secure")
        graphics.append(element("listen", type="address", address=self.listen))
        return graphics


@dataclasses.dataclass
class LibvirtConfigGuestVideo(LibvirtConfigObject):
    """``vram``: memory in KiB; None for the hypervisor's default."""

    type: str
    vram: int | None = None

    def format_dom(self) -> etree._Element:
        video = element("video")
        video.append(element("model", type=self.type, vram=self.vram))
        return video


@dataclasses.dataclass
class LibvirtConfigGuestSound(LibvirtConfigObject):
    model: str

    def format_dom(self) -> etree._Element:
        return element("sound", model=self.model)


@dataclasses.dataclass
class LibvirtConfigMemoryBalloon(LibvirtConfigObject):
    """``period``: seconds between two memory statistics of the guest; 0 for none."""

    period: int = 0

    def format_dom(self) -> etree._Element:
        balloon = element("memballoon", model="virtio")
        if self.period:
            balloon.append(element("stats", period=self.period))
        return balloon


@dataclasses.dataclass
class LibvirtConfigGuestRng(LibvirtConfigObject):
    """The guest gets at most ``rate_bytes`` of entropy every ``rate_period`` milliseconds."""

    backend: str
    rate_bytes: str | None = None
    rate_period: str | None = None

    def format_dom(self) -> etree._Element:
        rng = element("rng", model="virtio")
        if self.rate_bytes:
            rng.append(element("rate", bytes=self.rate_bytes, period=self.rate_period))
        rng.append(element("backend", self.backend, model="random"))
        return rng


@dataclasses.dataclass
class LibvirtConfigGuestWatchdog(LibvirtConfigObject):
    action: str
    model: str = "i6300esb"

    def format_dom(self) -> etree._Element:
        return element("watchdog", model=self.model, action=self.action)
