"""What connects a guest to its user: serial ports, screen, keyboard, pointer and sound."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from oslo_utils import units

from nova_mini.conf import CONF
from nova_mini.guest_options import choices
from nova_mini.virt.libvirt import config_devices as vdevices
from nova_mini.virt.libvirt import utils

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.hardware import Hardware
    from nova_mini.virt.libvirt.serial_ports import SerialPorts


def of_guest(
    instance: Instance, hardware: Hardware, serial_ports: SerialPorts
) -> Iterator[vdevices.LibvirtConfigObject]:
    """Raises UnsupportedHardware."""
    yield from _serial_ports(instance, hardware, serial_ports)
    yield from _screen(hardware)
    yield from _inputs(hardware)
    sound = hardware.choice("sound_model", choices.SOUND_MODELS, None)
    if sound:
        yield vdevices.LibvirtConfigGuestSound(sound)


def _screen(hardware: Hardware) -> Iterator[vdevices.LibvirtConfigObject]:
    # Always read: an unknown model is an error also when graphics are off.
    model = hardware.choice("video_model", choices.VIDEO_MODELS, "vga")
    if CONF.vnc.enabled:
        yield vdevices.LibvirtConfigGuestGraphics(listen=str(CONF.vnc.server_listen))
    if CONF.spice.enabled:
        yield vdevices.LibvirtConfigGuestGraphics(
            listen=str(CONF.spice.server_listen),
            type="spice",
            is_secure=CONF.spice.require_secure,
        )
        if CONF.spice.agent_enabled:
            yield vdevices.LibvirtConfigGuestSpiceChannel()
    if CONF.vnc.enabled or CONF.spice.enabled:
        yield vdevices.LibvirtConfigGuestVideo(type=model, vram=_video_memory(hardware))


def needs_usb(hardware: Hardware) -> bool:
    """Whether one of the devices is on the USB bus."""
    inputs = any(device.bus == "usb" for device in _inputs(hardware))
    return inputs or hardware.get("sound_model") == "usb"


def _serial_ports(
    instance: Instance, hardware: Hardware, serial_ports: SerialPorts
) -> Iterator[vdevices.LibvirtConfigObject]:
    """The first one is the console, which users may reach; an image may have fewer ports than its
    flavor."""
    wanted = (
        hardware.image_meta.properties.get("hw_serial_port_count")
        or hardware.flavor.extra_specs.get("hw:serial_port_count")
        or "1"
    )
    hardware.check("hw_serial_port_count", wanted, _PORT_COUNTS)
    for port in range(int(wanted)):
        if port:
            yield vdevices.LibvirtConfigGuestSerial(None, port)
        else:
            yield _console(instance, serial_ports)


def _console(instance: Instance, serial_ports: SerialPorts) -> vdevices.LibvirtConfigGuestSerial:
    log = utils.get_instance_path(instance, utils.CONSOLE_LOG)
    listen = None
    if CONF.serial_console.enabled:
        address = str(CONF.serial_console.proxyclient_address)
        listen = (address, serial_ports.acquire(instance.uuid))
    return vdevices.LibvirtConfigGuestSerial(log_path=str(log), listen=listen)


_PORT_COUNTS = tuple(map(str, range(choices.SERIAL_PORTS + 1)))


def _video_memory(hardware: Hardware) -> int | None:
    """In KiB."""
    mebibytes = hardware.amount_of_image("video_ram")
    return mebibytes * units.Ki if mebibytes else None


def _inputs(hardware: Hardware) -> Iterator[vdevices.LibvirtConfigGuestInput]:
    bus = hardware.choice("input_bus", choices.INPUT_BUSES, None)
    if bus:
        yield vdevices.LibvirtConfigGuestInput("tablet", bus)
        yield vdevices.LibvirtConfigGuestInput("keyboard", bus)
    elif hardware.choice("pointer_model", choices.POINTER_MODELS, None) == "usbtablet":
        yield vdevices.LibvirtConfigGuestInput()
