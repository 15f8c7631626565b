"""A domain's XML as objects: :class:`LibvirtConfigGuest` and its parts.

``format_dom`` makes the element of an object. Devices that the driver looks for in a running domain
also have ``parse_dom``. All XML is built from elements, not from text, so values need no quoting.
Devices are in :mod:`.config_devices`, Nova's metadata of the domain in :mod:`.config_metadata`.
"""

from __future__ import annotations

import dataclasses

from lxml import etree

from nova_mini.numa.guest import GuestTopology
from nova_mini.virt.libvirt.config_devices import (
    LibvirtConfigGuestDisk,
    LibvirtConfigGuestInterface,
    LibvirtConfigObject,
    element,
)
from nova_mini.virt.libvirt.config_metadata import LibvirtConfigGuestMetaNovaInstance, mark_dom
from nova_mini.virt.libvirt.config_placement import Placement, cells_of


@dataclasses.dataclass
class LibvirtConfigGuestCPU(LibvirtConfigObject):
    """``mode``: None for the hypervisor's default; ``model``: only with mode ``custom``.
    ``features``: name -> ``require`` or ``disable``."""

    mode: str | None = None
    model: str | None = None
    sockets: int | None = None
    cores: int = 1
    threads: int = 1
    features: dict[str, str] = dataclasses.field(default_factory=dict)
    numa: GuestTopology | None = None

    def format_dom(self) -> etree._Element:
        cpu = element("cpu", mode=self.mode)
        if self.mode == "custom":
            cpu.set("match", "exact")
            cpu.append(element("model", self.model, fallback="forbid"))
        elif self.mode:
            cpu.set("check", "none" if self.mode == "host-passthrough" else "partial")
        if self.sockets:
            cpu.append(
                element("topology", sockets=self.sockets, cores=self.cores, threads=self.threads)
            )
        features = self.features.items()
        cpu.extend(element("feature", name=name, policy=policy) for name, policy in features)
        if self.numa:
            cpu.append(cells_of(self.numa))
        return cpu


@dataclasses.dataclass
class LibvirtConfigGuestCPUTune(LibvirtConfigObject):
    shares: int | None = None
    period: int | None = None  # microseconds
    quota: int | None = None  # microseconds per period

    def format_dom(self) -> etree._Element:
        tune = element("cputune")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                tune.append(element(field.name, value))
        return tune


@dataclasses.dataclass
class LibvirtConfigGuestSysinfo(LibvirtConfigObject):
    """The guest's SMBIOS table "system". cloud-init recognizes OpenStack by the product name, so
    manufacturer and product are Nova's; ``version`` is nova_mini's."""

    version: str
    serial: str | None
    uuid: str
    manufacturer: str = "OpenStack Foundation"
    product: str = "OpenStack Nova"
    family: str = "Virtual Machine"

    def format_dom(self) -> etree._Element:
        system = element("system")
        for field in dataclasses.fields(self):
            if (value := getattr(self, field.name)) is not None:
                system.append(element("entry", value, name=field.name))
        sysinfo = element("sysinfo", type="smbios")
        sysinfo.append(system)
        return sysinfo


@dataclasses.dataclass
class LibvirtConfigGuestFirmware(LibvirtConfigObject):
    """UEFI, whose files libvirt chooses. ``nvram``: the path of the file with its variables; None
    for firmware without state."""

    secure_boot: bool
    nvram: str | None

    def format_dom(self) -> etree._Element:
        firmware = element("firmware")
        state = "yes" if self.secure_boot else "no"
        firmware.append(element("feature", enabled=state, name="secure-boot"))
        if self.secure_boot:
            firmware.append(element("feature", enabled="yes", name="enrolled-keys"))
        return firmware

    def loader(self) -> list[etree._Element]:
        """The elements beside ``firmware``."""
        secure = "yes" if self.secure_boot else None
        if self.nvram is None:
            return [element("loader", secure=secure, stateless="yes")]
        return [element("loader", secure=secure), element("nvram", self.nvram)]


@dataclasses.dataclass
class LibvirtConfigGuestOS(LibvirtConfigObject):
    """``kernel`` and ``initrd`` are paths, for images without a boot loader. ``firmware``: None for
    BIOS."""

    arch: str
    machine: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None
    bootmenu: bool = False
    smbios: bool = True
    firmware: LibvirtConfigGuestFirmware | None = None

    def format_dom(self) -> etree._Element:
        node = element("os", firmware="efi" if self.firmware else None)
        node.append(element("type", "hvm", arch=self.arch, machine=self.machine))
        if self.firmware:
            node.append(self.firmware.format_dom())
            node.extend(self.firmware.loader())
        for tag in ("kernel", "initrd", "cmdline"):
            if getattr(self, tag):
                node.append(element(tag, getattr(self, tag)))
        if self.bootmenu:
            node.append(element("bootmenu", enable="yes"))
        if self.smbios:
            node.append(element("smbios", mode="sysinfo"))
        return node


@dataclasses.dataclass
class LibvirtConfigGuestClock(LibvirtConfigObject):
    offset: str = "utc"
    timers: list[dict[str, str]] = dataclasses.field(default_factory=list)

    def format_dom(self) -> etree._Element:
        clock = element("clock", offset=self.offset)
        clock.extend(element("timer", **timer) for timer in self.timers)
        return clock


@dataclasses.dataclass
class LibvirtConfigGuest(LibvirtConfigObject):
    """A domain. ``memory`` and ``tb_cache`` are in MiB; ``tb_cache`` is for emulated guests.
    ``pmu``: whether it has a performance monitoring unit; None: as the hypervisor does."""

    virt_type: str
    uuid: str
    name: str
    memory: int
    vcpus: int
    os: LibvirtConfigGuestOS
    cpu: LibvirtConfigGuestCPU
    clock: LibvirtConfigGuestClock
    sysinfo: LibvirtConfigGuestSysinfo
    cputune: LibvirtConfigGuestCPUTune | None = None
    metadata: LibvirtConfigGuestMetaNovaInstance | None = None
    features: list[str] = dataclasses.field(default_factory=list)
    pmu: bool | None = None
    hides_kvm: bool = False
    tb_cache: int | None = None
    devices: list[LibvirtConfigObject] = dataclasses.field(default_factory=list)
    placement: Placement = Placement()
    memory_backing: etree._Element | None = None

    def format_dom(self) -> etree._Element:
        domain = element("domain", type=self.virt_type)
        domain.append(element("uuid", self.uuid))
        domain.append(element("name", self.name))
        domain.append(element("memory", self.memory, unit="MiB"))
        domain.append(element("vcpu", self.vcpus))
        if self.metadata:
            domain.append(element("metadata"))
            domain[-1].extend([self.metadata.format_dom(), mark_dom()])
        if self.memory_backing is not None:
            domain.append(self.memory_backing)
        for part in (self.sysinfo, self.os, self.cpu, self.clock, self.cputune):
            if part is not None:
                domain.append(part.format_dom())
        self.placement.change(domain)
        domain.append(self._features())
        # A guest that powers off stays defined and off: the compute service decides what follows.
        domain.append(element("on_poweroff", "destroy"))
        domain.append(element("on_reboot", "restart"))
        domain.append(element("on_crash", "destroy"))
        domain.append(element("devices"))
        domain[-1].extend(device.format_dom() for device in self.devices)
        return domain

    def _features(self):
        features = element("features")
        features.extend(element(feature) for feature in self.features)
        if self.pmu is not None:
            features.append(element("pmu", state="on" if self.pmu else "off"))
        if self.hides_kvm:
            features.append(element("kvm"))
            features[-1].append(element("hidden", state="on"))
        if self.tb_cache:
            tcg = element("tcg")
            tcg.append(element("tb-cache", self.tb_cache, unit="MiB"))
            features.append(tcg)
        return features


@dataclasses.dataclass
class DomainDevices:
    """The disks and interfaces of an existing domain."""

    disks: list[LibvirtConfigGuestDisk]
    interfaces: list[LibvirtConfigGuestInterface]

    @classmethod
    def parse_str(cls, xml: str) -> DomainDevices:
        devices = etree.fromstring(xml).find("devices")
        return cls(
            disks=[LibvirtConfigGuestDisk.parse_dom(node) for node in devices.iter("disk")],
            interfaces=[
                LibvirtConfigGuestInterface.parse_dom(node) for node in devices.iter("interface")
            ],
        )
