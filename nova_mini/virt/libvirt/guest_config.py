"""Make the definition of a domain from an instance, its image and its flavor."""

from __future__ import annotations

import dataclasses
from importlib import metadata
from typing import TYPE_CHECKING

from oslo_utils import strutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.external import vtpm_key
from nova_mini.guest_options import choices, hypervisor_id
from nova_mini.virt import cpu_sets
from nova_mini.virt.libvirt import (
    blockinfo,
    config_metadata,
    console_devices,
    firmware,
    guest_cpu,
    host_serial,
    utils,
)
from nova_mini.virt.libvirt import config as vconfig
from nova_mini.virt.libvirt import config_devices as vdevices
from nova_mini.virt.libvirt import hardware as hw
from nova_mini.virt.libvirt.config_placement import Placement, memory_backing
from nova_mini.virt.libvirt.host import Capabilities
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.serial_ports import SerialPorts
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver

if TYPE_CHECKING:
    from nova_mini.numa.guest import GuestTopology
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import NetworkInfo

DEFAULT_CMDLINE = "root=/dev/{root} console=tty0 console=ttyS0"

_IOTUNE = tuple(
    f"{kind}_{unit}_sec" for kind in ("read", "write", "total") for unit in ("bytes", "iops")
)


@dataclasses.dataclass(frozen=True)
class BootFiles:
    """The images of the kernel and the ramdisk of a guest, which are files in its folder. Without a
    kernel, its boot disk has a boot loader. ``suffix``: of the names of the files."""

    kernel_id: str | None = None
    ramdisk_id: str | None = None
    command_line: str | None = None
    suffix: str = ""

    @classmethod
    def of_instance(cls, instance: Instance, image_meta: ImageMeta) -> BootFiles:
        command_line = image_meta.properties.get("os_command_line")
        return cls(instance.kernel_id, instance.ramdisk_id, command_line)

    @property
    def kernel(self) -> str:
        return f"kernel{self.suffix}"

    @property
    def ramdisk(self) -> str:
        return f"ramdisk{self.suffix}"

    def images(self) -> dict[str, str]:
        """Name of each file -> its image."""
        found = {self.kernel: self.kernel_id, self.ramdisk: self.ramdisk_id}
        return {name: image_id for name, image_id in found.items() if image_id}


@dataclasses.dataclass
class GuestConfigBuilder:
    """``get_guest_config`` makes the domain; each other method makes one part of it."""

    capabilities: Capabilities
    backend: Backend
    vif_driver: LibvirtGenericVIFDriver
    serial_ports: SerialPorts

    def get_guest_config(
        self,
        instance: Instance,
        network_info: NetworkInfo,
        image_meta: ImageMeta,
        disk_info: blockinfo.DiskInfo,
        volumes: dict[str, vdevices.LibvirtConfigGuestDisk] | None = None,
        boot: BootFiles | None = None,
        numa: GuestTopology | None = None,
    ) -> vconfig.LibvirtConfigGuest:
        """``volumes``: the disks of connected volumes, by their names in ``disk_info``. ``boot``
        None: the instance's own. ``numa`` None: where the instance is placed now.

        Raises UnsupportedHardware, HypervisorError, VirtualInterfacePlugException.
        """
        flavor, hardware = instance.flavor, hw.Hardware(instance.flavor, image_meta)
        numa = numa or instance.numa
        host = cpu_sets.apply(self.capabilities.numa)
        return vconfig.LibvirtConfigGuest(
            virt_type=CONF.libvirt.virt_type,
            uuid=instance.uuid,
            name=instance.name,
            memory=flavor.memory_mb,
            vcpus=flavor.vcpus,
            metadata=config_metadata.from_instance(instance, network_info, image_meta),
            sysinfo=vconfig.LibvirtConfigGuestSysinfo(
                version=metadata.version("nova-mini"),
                serial=host_serial.of_guest(instance, self.capabilities.host_uuid),
                uuid=instance.uuid,
            ),
            os=self._os(
                instance,
                boot or BootFiles.of_instance(instance, image_meta),
                hardware,
                disk_info,
            ),
            cpu=guest_cpu.for_guest(flavor, hardware, self.capabilities.model_traits, numa),
            placement=Placement.of(numa, host, cpu_sets.are_named()),
            memory_backing=memory_backing(numa, host) if numa else None,
            clock=_clock(instance, hardware, self.capabilities.arch),
            cputune=_cputune(hardware),
            features=["acpi", "apic"] if self.capabilities.arch == "x86_64" else ["acpi"],
            pmu=None if hardware.get("pmu") is None else hardware.boolean("pmu"),
            hides_kvm=hypervisor_id.is_hidden(hardware.requirements),
            tb_cache=CONF.libvirt.tb_cache_size if CONF.libvirt.virt_type == "qemu" else None,
            devices=[
                *self._disks(instance, hardware, disk_info, volumes or {}),
                *(self.vif_driver.get_config(vif, image_meta, flavor) for vif in network_info),
                *self._controllers(hardware, disk_info),
                *console_devices.of_guest(instance, hardware, self.serial_ports),
                *_helper_devices(flavor, hardware),
                *_tpm(instance),
            ],
        )

    def _os(self, instance, boot: BootFiles, hardware, disk_info):
        machine = self._machine(hardware)
        config = vconfig.LibvirtConfigGuestOS(
            arch=self.capabilities.arch,
            machine=machine,
            bootmenu=hardware.boolean("boot_menu"),
            firmware=self._firmware(instance, hardware, machine),
        )
        if boot.kernel_id:
            root = disk_info.mapping[blockinfo.ROOT]
            config.kernel = str(utils.get_instance_path(instance, boot.kernel))
            config.cmdline = boot.command_line or DEFAULT_CMDLINE.format(root=root.dev)
            if boot.ramdisk_id:
                config.initrd = str(utils.get_instance_path(instance, boot.ramdisk))
        return config

    def _firmware(self, instance, hardware, machine):
        hardware.choice("firmware_type", choices.FIRMWARE_TYPES, "bios")
        host, arch = self.capabilities.firmware, self.capabilities.arch
        found = firmware.for_guest(hardware.requirements, host, arch, machine)
        if found is None:
            return None
        nvram = str(utils.get_instance_path(instance, found.nvram)) if found.nvram else None
        return vconfig.LibvirtConfigGuestFirmware(found.secure_boot, nvram)

    def _machine(self, hardware) -> str | None:
        """Raises HypervisorError if this host does not have the machine type; another may."""
        machine = hardware.machine_type(self.capabilities.arch)
        if machine and machine not in self.capabilities.machines:
            raise exception.HypervisorError(reason=f"the host has no machine type {machine[:80]!r}")
        return machine

    def _disks(self, instance, hardware, disk_info, volumes):
        iotune = {
            name: value for name in _IOTUNE if (value := hardware.quota(f"disk_{name}")) is not None
        }
        for name, device in disk_info.mapping.items():
            if name in volumes:
                yield volumes[name]
            elif name != blockinfo.ROOT:
                limits = {} if name in blockinfo.CONFIG_DRIVES else iotune
                yield self.backend.by_name(instance, name).libvirt_info(device, limits)

    def _controllers(self, hardware, disk_info):
        buses = {device.bus for device in disk_info.mapping.values()}
        if "scsi" in buses:
            model = hardware.choice("scsi_model", choices.SCSI_MODELS, "virtio-scsi")
            yield vdevices.LibvirtConfigGuestController("scsi", model, index=0)
        if "q35" in (self._machine(hardware) or ""):
            for index in range(1, CONF.libvirt.num_pcie_ports + 1):
                yield vdevices.LibvirtConfigGuestController("pci", "pcie-root-port", index)
        uses_usb = "usb" in buses or console_devices.needs_usb(hardware)
        # An unused controller makes the guest boot slower and takes memory of the host.
        usb_model = hardware.choice("usb_model", choices.USB_MODELS, None if uses_usb else "none")
        if usb_model:
            yield vdevices.LibvirtConfigGuestController("usb", usb_model, index=0)


def _cputune(hardware):
    tune = vconfig.LibvirtConfigGuestCPUTune(
        shares=hardware.quota("cpu_shares"),
        period=hardware.quota("cpu_period"),
        quota=hardware.cpu_quota(),
    )
    return tune if any(dataclasses.astuple(tune)) else None


def _clock(instance, hardware, arch):
    timers = [{"name": "pit", "tickpolicy": "delay"}, {"name": "rtc", "tickpolicy": "catchup"}]
    if arch == "x86_64":
        has_hpet = strutils.bool_from_string(hardware.image_meta.properties.get("hw_time_hpet"))
        timers.append({"name": "hpet", "present": "yes" if has_hpet else "no"})
    return vconfig.LibvirtConfigGuestClock(
        offset="localtime" if instance.os_type == "windows" else "utc", timers=timers
    )


def _helper_devices(flavor, hardware):
    """Memory balloon, random number generator, guest agent and watchdog."""
    yield vdevices.LibvirtConfigMemoryBalloon(period=CONF.libvirt.mem_stats_period_seconds)
    specs = flavor.extra_specs
    if strutils.bool_from_string(specs.get("hw_rng:allowed"), default=True):
        rate = specs.get("hw_rng:rate_bytes", "0").lstrip("0")  # 0 is no limit
        yield vdevices.LibvirtConfigGuestRng(
            backend=CONF.libvirt.rng_dev_path,
            rate_bytes=rate or None,
            rate_period=specs.get("hw_rng:rate_period", "1000") if rate else None,
        )
    if hardware.boolean("qemu_guest_agent"):
        yield vdevices.LibvirtConfigGuestChannel()
    action = hardware.choice("watchdog_action", choices.WATCHDOG_ACTIONS, "disabled")
    if action != "disabled":
        yield vdevices.LibvirtConfigGuestWatchdog(action)


def _tpm(instance):
    """By the server's own image, also in a rescue. Raises HypervisorError without a passphrase."""
    tpm, passphrase = vtpm_key.tpm_of(instance), vtpm_key.of(instance)
    if tpm is None:
        return
    if passphrase is None:
        raise exception.HypervisorError(reason="the virtual TPM of the server has no key")
    yield vdevices.LibvirtConfigGuestTpm(tpm.model, tpm.version, passphrase.id)
