"""From an instance, its image and its flavor to the domain that libvirt shall run."""

from __future__ import annotations

import dataclasses
from importlib import metadata

from oslo_utils import strutils

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt import blockinfo, utils
from nova_mini.virt.libvirt import config as vconfig
from nova_mini.virt.libvirt import config_devices as vdevices
from nova_mini.virt.libvirt import hardware as hw
from nova_mini.virt.libvirt.host import Capabilities
from nova_mini.virt.libvirt.imagebackend import Backend
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver

PCIE_PORTS = 16  # of a q35 machine: every device, hot-plugged ones too, takes one
KERNEL, RAMDISK = "kernel", "ramdisk"  # files in the instance's folder
DEFAULT_CMDLINE = "root=/dev/{root} console=tty0 console=ttyS0"

_IOTUNE = tuple(
    f"{kind}_{unit}_sec" for kind in ("read", "write", "total") for unit in ("bytes", "iops")
)


@dataclasses.dataclass
class GuestConfigBuilder:
    """``get_guest_config`` is the whole of it; the rest is one part of the domain each."""

    capabilities: Capabilities
    backend: Backend
    vif_driver: LibvirtGenericVIFDriver

    def get_guest_config(
        self,
        instance,
        network_info,
        image_meta,
        disk_info: blockinfo.DiskInfo,
        volumes: dict[str, vdevices.LibvirtConfigGuestDisk] | None = None,
    ) -> vconfig.LibvirtConfigGuest:
        """``volumes``: the disks of connected volumes, by their names in ``disk_info``.

        Raises UnsupportedHardware, HypervisorError, VirtualInterfacePlugException.
        """
        flavor, hardware = instance.flavor, hw.Hardware(instance.flavor, image_meta)
        return vconfig.LibvirtConfigGuest(
            virt_type=CONF.libvirt.virt_type,
            uuid=instance.uuid,
            name=instance.name,
            memory=flavor.memory_mb,
            vcpus=flavor.vcpus,
            metadata=_metadata(instance, network_info),
            sysinfo=vconfig.LibvirtConfigGuestSysinfo(
                product="OpenStack Nova Mini",
                version=metadata.version("nova-mini"),
                serial=instance.uuid,
                uuid=instance.uuid,
            ),
            os=self._os(instance, image_meta, hardware, disk_info),
            cpu=_cpu(flavor, hardware),
            clock=_clock(instance, self.capabilities.arch),
            cputune=_cputune(hardware),
            features=["acpi", "apic"] if self.capabilities.arch == "x86_64" else ["acpi"],
            tb_cache=CONF.libvirt.tb_cache_size if CONF.libvirt.virt_type == "qemu" else None,
            devices=[
                *self._disks(instance, hardware, disk_info, volumes or {}),
                *(self.vif_driver.get_config(vif, image_meta, flavor) for vif in network_info),
                *self._controllers(hardware, disk_info),
                *_console_devices(instance, hardware),
                *_helper_devices(flavor, hardware),
            ],
        )

    def _os(self, instance, image_meta, hardware, disk_info):
        hardware.choice("firmware_type", ("bios",), "bios")
        config = vconfig.LibvirtConfigGuestOS(
            arch=self.capabilities.arch,
            machine=self._machine(hardware),
            bootmenu=hardware.boolean("boot_menu"),
        )
        if instance.kernel_id:
            path = utils.get_instance_path(instance)
            root = disk_info.mapping[blockinfo.ROOT]
            config.kernel = str(path / KERNEL)
            config.cmdline = image_meta.properties.get("os_command_line") or DEFAULT_CMDLINE.format(
                root=root.dev
            )
            if instance.ramdisk_id:
                config.initrd = str(path / RAMDISK)
        return config

    def _machine(self, hardware) -> str | None:
        """Raises HypervisorError for one that this host lacks: another host may have it."""
        machine = hardware.machine_type(self.capabilities.arch)
        if machine and machine not in self.capabilities.machines:
            raise exception.HypervisorError(reason=f"it has no machine type {machine[:80]!r}")
        return machine

    def _disks(self, instance, hardware, disk_info, volumes):
        iotune = {
            name: value for name in _IOTUNE if (value := hardware.quota(f"disk_{name}")) is not None
        }
        for name, device in disk_info.mapping.items():
            if name in volumes:
                yield volumes[name]
            elif name != blockinfo.ROOT:
                limits = {} if name == blockinfo.CONFIG_DRIVE else iotune
                yield self.backend.by_name(instance, name).libvirt_info(device, limits)

    def _controllers(self, hardware, disk_info):
        buses = {device.bus for device in disk_info.mapping.values()}
        if "scsi" in buses:
            model = hardware.choice("scsi_model", hw.SCSI_MODELS, "virtio-scsi")
            yield vdevices.LibvirtConfigGuestController("scsi", model, index=0)
        if "q35" in (self._machine(hardware) or ""):
            for index in range(1, PCIE_PORTS + 1):
                yield vdevices.LibvirtConfigGuestController("pci", "pcie-root-port", index)
        if "usb" not in buses and not _wants_tablet(hardware):
            # A controller that nothing is plugged into costs the guest's boot and our memory.
            yield vdevices.LibvirtConfigGuestController("usb", "none", index=0)


def _metadata(instance, network_info):
    return vconfig.LibvirtConfigGuestMetaNovaInstance(
        name=instance.display_name or instance.hostname or instance.name,
        creation_time=str(instance.created_at or ""),
        flavor=instance.flavor.name,
        owner_user=instance.user_id,
        owner_project=instance.project_id,
        image=instance.image_ref or None,
        ports=[vif.id for vif in network_info],
    )


def _cpu(flavor, hardware):
    mode = CONF.libvirt.cpu_mode
    if mode is None and CONF.libvirt.virt_type == "kvm":
        mode = "host-model"
    config = vconfig.LibvirtConfigGuestCPU(
        mode=None if mode == "none" else mode,
        model=CONF.libvirt.cpu_model if mode == "custom" else None,
    )
    asked = {name: hardware.integer(f"cpu_{name}") for name in ("sockets", "cores", "threads")}
    if any(asked.values()):
        config.cores, config.threads = asked["cores"] or 1, asked["threads"] or 1
        config.sockets = asked["sockets"] or flavor.vcpus // (config.cores * config.threads)
        if config.sockets * config.cores * config.threads != flavor.vcpus:
            raise exception.UnsupportedHardware(
                name="CPU topology",
                value=f"{config.sockets} x {config.cores} x {config.threads}",
                choices=f"sockets x cores x threads of {flavor.vcpus} vcpus together",
            )
    return config


def _cputune(hardware):
    tune = vconfig.LibvirtConfigGuestCPUTune(
        shares=hardware.quota("cpu_shares"),
        period=hardware.quota("cpu_period"),
        quota=hardware.quota("cpu_quota"),
    )
    return tune if any(dataclasses.astuple(tune)) else None


def _clock(instance, arch):
    timers = [{"name": "pit", "tickpolicy": "delay"}, {"name": "rtc", "tickpolicy": "catchup"}]
    if arch == "x86_64":
        timers.append({"name": "hpet", "present": "no"})
    return vconfig.LibvirtConfigGuestClock(
        offset="localtime" if instance.os_type == "windows" else "utc", timers=timers
    )


def _wants_tablet(hardware) -> bool:
    return hardware.choice("pointer_model", hw.POINTER_MODELS, None) == "usbtablet"


def _console_devices(instance, hardware):
    log = utils.get_instance_path(instance) / utils.CONSOLE_LOG
    yield vdevices.LibvirtConfigGuestSerial(log_path=str(log))
    if CONF.vnc.enabled:
        yield vdevices.LibvirtConfigGuestGraphics(listen=str(CONF.vnc.server_listen))
        model = hardware.choice("video_model", hw.VIDEO_MODELS, "vga")
        yield vdevices.LibvirtConfigGuestVideo(type=model)
    if _wants_tablet(hardware):
        yield vdevices.LibvirtConfigGuestInput()


def _helper_devices(flavor, hardware):
    """Those that serve the host, or the guest's well-being, rather than its user."""
    yield vdevices.LibvirtConfigMemoryBalloon(period=CONF.libvirt.mem_stats_period_seconds)
    specs = flavor.extra_specs
    if strutils.bool_from_string(specs.get("hw_rng:allowed"), default=True):
        rate = specs.get("hw_rng:rate_bytes")
        yield vdevices.LibvirtConfigGuestRng(
            backend=CONF.libvirt.rng_dev_path,
            rate_bytes=rate,
            rate_period=specs.get("hw_rng:rate_period", "1000") if rate else None,
        )
    if hardware.boolean("qemu_guest_agent"):
        yield vdevices.LibvirtConfigGuestChannel()
    action = hardware.choice("watchdog_action", hw.WATCHDOG_ACTIONS, "disabled")
    if action != "disabled":
        yield vdevices.LibvirtConfigGuestWatchdog(action)
