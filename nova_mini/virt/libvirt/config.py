"""A domain's XML as objects: :class:`LibvirtConfigGuest` and what it is made of.

Each object makes its element with ``format_dom`` and, where the driver must find a thing again in
a running domain, is read back with ``parse_dom``. Elements are built, never pasted, so that no
value can break out of its place. Devices are in :mod:`.config_devices`.
"""

from __future__ import annotations

import dataclasses

from lxml import etree

from nova_mini.virt.libvirt.config_devices import (
    LibvirtConfigGuestDisk,
    LibvirtConfigGuestInterface,
    LibvirtConfigObject,
    element,
)

NOVA_NS = "http://openstack.org/xmlns/libvirt/nova-mini/1.0"


@dataclasses.dataclass
class LibvirtConfigGuestCPU(LibvirtConfigObject):
    """``mode`` is None for the hypervisor's own choice; ``model`` goes with mode ``custom``."""

    mode: str | None = None
    model: str | None = None
    sockets: int | None = None
    cores: int = 1
    threads: int = 1

    def format_dom(self):
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
        return cpu


@dataclasses.dataclass
class LibvirtConfigGuestCPUTune(LibvirtConfigObject):
    shares: int | None = None
    period: int | None = None  # microseconds
    quota: int | None = None  # microseconds of every period

    def format_dom(self):
        tune = element("cputune")
        for field in dataclasses.fields(self):
            value = getattr(self, field.name)
            if value is not None:
                tune.append(element(field.name, value))
        return tune


@dataclasses.dataclass
class LibvirtConfigGuestSysinfo(LibvirtConfigObject):
    """What the guest reads in its SMBIOS tables."""

    product: str
    version: str
    serial: str
    uuid: str
    manufacturer: str = "OpenStack Foundation"
    family: str = "Virtual Machine"

    def format_dom(self):
        system = element("system")
        for field in dataclasses.fields(self):
            system.append(element("entry", getattr(self, field.name), name=field.name))
        sysinfo = element("sysinfo", type="smbios")
        sysinfo.append(system)
        return sysinfo


@dataclasses.dataclass
class LibvirtConfigGuestOS(LibvirtConfigObject):
    """``kernel`` and ``initrd`` are paths, for images that come without a boot loader."""

    arch: str
    machine: str | None = None
    kernel: str | None = None
    initrd: str | None = None
    cmdline: str | None = None
    bootmenu: bool = False
    smbios: bool = True

    def format_dom(self):
        node = element("os")
        node.append(element("type", "hvm", arch=self.arch, machine=self.machine))
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

    def format_dom(self):
        clock = element("clock", offset=self.offset)
        clock.extend(element("timer", **timer) for timer in self.timers)
        return clock


@dataclasses.dataclass
class LibvirtConfigGuestMetaNovaInstance(LibvirtConfigObject):
    """Who the domain is to the cloud: for operators, and how we know that it is ours.

    Holds nothing that the server's owner would not want another user of the host to read.
    """

    name: str
    creation_time: str
    flavor: str
    owner_user: str
    owner_project: str
    image: str | None = None
    ports: list[str] = dataclasses.field(default_factory=list)

    def format_dom(self):
        node = etree.Element(f"{{{NOVA_NS}}}instance", nsmap={"nova": NOVA_NS})
        self._add(node, "name", self.name)
        self._add(node, "creationTime", self.creation_time)
        self._add(node, "flavor", name=self.flavor)
        owner = self._add(node, "owner")
        self._add(owner, "user", uuid=self.owner_user)
        self._add(owner, "project", uuid=self.owner_project)
        if self.image:
            self._add(node, "root", type="image", uuid=self.image)
        ports = self._add(node, "ports")
        for port in self.ports:
            self._add(ports, "port", uuid=port)
        return node

    @staticmethod
    def _add(parent, tag: str, text: str | None = None, **attributes):
        child = element(f"{{{NOVA_NS}}}{tag}", text, **attributes)
        parent.append(child)
        return child


@dataclasses.dataclass
class LibvirtConfigGuest(LibvirtConfigObject):
    """A whole domain. ``memory`` is in MiB; ``tb_cache`` (MiB) only for emulated guests."""

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
    tb_cache: int | None = None
    devices: list[LibvirtConfigObject] = dataclasses.field(default_factory=list)

    def format_dom(self):
        domain = element("domain", type=self.virt_type)
        domain.append(element("uuid", self.uuid))
        domain.append(element("name", self.name))
        domain.append(element("memory", self.memory, unit="MiB"))
        domain.append(element("vcpu", self.vcpus))
        if self.metadata:
            domain.append(element("metadata"))
            domain[-1].append(self.metadata.format_dom())
        for part in (self.sysinfo, self.os, self.cpu, self.clock, self.cputune):
            if part is not None:
                domain.append(part.format_dom())
        domain.append(self._features())
        # A guest that powers off stays defined and off: whether it starts again is for the cloud.
        domain.append(element("on_poweroff", "destroy"))
        domain.append(element("on_reboot", "restart"))
        domain.append(element("on_crash", "destroy"))
        domain.append(element("devices"))
        domain[-1].extend(device.format_dom() for device in self.devices)
        return domain

    def _features(self):
        features = element("features")
        features.extend(element(feature) for feature in self.features)
        if self.tb_cache:
            tcg = element("tcg")
            tcg.append(element("tb-cache", self.tb_cache, unit="MiB"))
            features.append(tcg)
        return features


@dataclasses.dataclass
class DomainDevices:
    """The devices of an existing domain that the driver looks for."""

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
