"""Interfaces of guests: os-vif plugs them into this host's switch, libvirt adds them to the domain.

Supported: Open vSwitch (libvirt makes the port), Open vSwitch with a Linux bridge for each port
(hybrid, so that iptables can filter), and a plain Linux bridge.
"""

from __future__ import annotations

import functools
import os
import socket
from typing import TYPE_CHECKING

import os_vif
from os_vif import exception as osv_exception
from os_vif import objects as osv_objects
from oslo_concurrency import processutils
from oslo_config import cfg
from vif_plug_ovs import linux_net
from vif_plug_ovs import ovs as osv_ovs
from vif_plug_ovs import privsep as osv_privsep
from vif_plug_ovs.ovsdb import ovsdb_lib

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.guest_options.choices import VIF_MODELS
from nova_mini.objects import network_model
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestInterface
from nova_mini.virt.libvirt.hardware import Hardware

if TYPE_CHECKING:
    from nova_mini.objects.flavor import Flavor
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance

OVSDB_SOCKET = "unix:/run/openvswitch/db.sock"

# Open vSwitch in user space forwards packets without a checksum as they are. Ping and DHCP work
# then, TCP does not: a sender must not leave checksums or segmentation to its "hardware".
_HOST_OFFLOADS = ("csum", "gso", "tso4", "tso6", "ecn", "ufo")
_GUEST_OFFLOADS = ("csum", "tso4", "tso6", "ecn", "ufo")
_ETHTOOL_OFF = ("tx", "off", "tso", "off", "gso", "off")


_MAX_TAP_QUEUES = 256  # of a tap device of Linux


def _short(prefix: str, vif: network_model.VIF) -> str:
    return f"{prefix}{vif.id}"[: network_model.NIC_NAME_LEN]


def _has_userspace_datapath(vif: network_model.VIF) -> bool:
    return vif.details.get("datapath_type") == "netdev"


def _ovs_bridge(vif: network_model.VIF) -> str:
    return vif.network.bridge or vif.details.get("bridge_name") or "br-int"


def _guest_bridge(vif: network_model.VIF) -> str:
    """The bridge to which the guest's tap device belongs."""
    if vif.type == network_model.VIF_TYPE_OVS:
        return _short("qbr", vif) if vif.hybrid_plug else _ovs_bridge(vif)
    return vif.details.get("bridge_name") or vif.network.bridge or f"brq{vif.network.id}"[:14]


class LibvirtGenericVIFDriver:
    def __init__(self):
        # The operator can override this default with [os_vif_ovs] ovsdb_connection.
        cfg.set_defaults(osv_ovs.OvsPlugin.CONFIG_OPTS, ovsdb_connection=OVSDB_SOCKET)
        if os.geteuid() == 0:
            osv_privsep.vif_plug.set_client_mode(False)  # no helper process is needed as root
        os_vif.initialize()

    def get_config(
        self, vif: network_model.VIF, image_meta: ImageMeta, flavor: Flavor
    ) -> LibvirtConfigGuestInterface:
        """The interface for the domain's definition. Raises UnsupportedHardware and, for a port
        that Neutron has not bound to this host, VirtualInterfacePlugException."""
        _check_bound(vif)
        hardware = Hardware(flavor, image_meta)
        model = hardware.choice("vif_model", VIF_MODELS, "virtio")
        config = LibvirtConfigGuestInterface(
            mac_addr=vif.address,
            target_dev=vif.devname,
            source_bridge=_guest_bridge(vif),
            model=model,
            mtu=vif.network.mtu,
            driver=_virtio_driver(hardware) if model == "virtio" else {},
            bandwidth=_bandwidth(hardware),
        )
        if vif.type == network_model.VIF_TYPE_OVS and not vif.hybrid_plug:
            config.openvswitch_id = vif.ovs_interfaceid
            if _has_userspace_datapath(vif):
                config.host_offload = dict.fromkeys(_HOST_OFFLOADS, "off")
                config.guest_offload = dict.fromkeys(_GUEST_OFFLOADS, "off")
        return config

    def plug(self, instance: Instance, vif: network_model.VIF) -> None:
        """Make the bridges and devices that the domain's interface needs. Idempotent. Raises
        VirtualInterfacePlugException."""
        _check_bound(vif)
        try:
            if vif.type == network_model.VIF_TYPE_OVS:
                self._plug_ovs(instance, vif)
            else:
                _ensure_linux_bridge(_guest_bridge(vif))
        except (osv_exception.ExceptionBase, processutils.ProcessExecutionError) as exc:
            raise exception.VirtualInterfacePlugException(reason=str(exc)) from exc

    def _plug_ovs(self, instance, vif: network_model.VIF) -> None:
        if vif.hybrid_plug and self._is_half_plugged(vif):
            self.unplug(instance, vif)
        os_vif.plug(nova_to_osvif_vif(vif), nova_to_osvif_instance(instance))
        if vif.hybrid_plug and _has_userspace_datapath(vif):
            for device in (_short("qvb", vif), _short("qvo", vif)):
                processutils.execute("ethtool", "-K", device, *_ETHTOOL_OFF)

    def _is_half_plugged(self, vif: network_model.VIF) -> bool:
        """Whether a plug was interrupted before its last step, the switch's port. os-vif makes
        nothing if the device exists, so it would never make the port."""
        device = _short("qvo", vif)
        return device in _devices() and not self._ovsdb.port_exists(device, _ovs_bridge(vif))

    @functools.cached_property
    def _ovsdb(self) -> ovsdb_lib.BaseOVS:
        return ovsdb_lib.BaseOVS(CONF.os_vif_ovs)

    def unplug(self, instance: Instance, vif: network_model.VIF) -> None:
        """Remove what :meth:`plug` made, except a shared Linux bridge. Idempotent. Raises
        VirtualInterfacePlugException."""
        if vif.type != network_model.VIF_TYPE_OVS:
            return
        try:
            os_vif.unplug(nova_to_osvif_vif(vif), nova_to_osvif_instance(instance))
        except osv_exception.ExceptionBase as exc:
            raise exception.VirtualInterfacePlugException(reason=str(exc)) from exc

    def list_plugged(self) -> dict[str, list[str]]:
        """Instance uuid -> its ports on this host's Open vSwitch. libvirt or os-vif has stored the
        uuid there."""
        address = CONF.os_vif_ovs.ovsdb_connection
        if address.startswith("unix:") and not os.path.exists(address.removeprefix("unix:")):
            return {}
        plugged: dict[str, list[str]] = {}
        columns = ["name", "external_ids"]
        for interface in self._ovsdb.ovsdb.db_list("Interface", columns=columns).execute():
            ids = interface["external_ids"]
            uuid = ids.get("vm-id") or ids.get("vm-uuid")
            if uuid and "iface-id" in ids:
                plugged.setdefault(uuid, []).append(interface["name"])
        return plugged

    def remove_port(self, name: str) -> None:
        """Remove a port of :meth:`list_plugged` with its Linux bridge. Idempotent."""
        if name.startswith("qvo"):
            linux_net.delete_bridge(name.replace("qvo", "qbr", 1), name.replace("qvo", "qvb", 1))
        linux_net.delete_net_dev(name)
        # Last, because only the switch has the uuid of the instance.
        self._ovsdb.ovsdb.del_port(name, if_exists=True).execute()


def _virtio_driver(hardware: Hardware) -> dict[str, str]:
    """The attributes of the driver element."""
    attributes = {}
    if hardware.boolean("vif_multiqueue_enabled") and hardware.flavor.vcpus > 1:
        limit = CONF.libvirt.max_queues or _MAX_TAP_QUEUES
        attributes["queues"] = str(min(hardware.flavor.vcpus, limit))
    if hardware.boolean("virtio_packed_ring"):
        attributes["packed"] = "on"
    if CONF.libvirt.rx_queue_size:
        attributes["rx_queue_size"] = str(CONF.libvirt.rx_queue_size)
    return attributes


def _bandwidth(hardware: Hardware) -> dict[str, dict[str, int]]:
    found = {}
    for direction in ("inbound", "outbound"):
        limits = {
            kind: value
            for kind in ("average", "peak", "burst")
            if (value := hardware.quota(f"vif_{direction}_{kind}")) is not None
        }
        if limits:
            found[direction] = limits
    return found


def nova_to_osvif_instance(instance: Instance) -> osv_objects.instance_info.InstanceInfo:
    return osv_objects.instance_info.InstanceInfo(
        uuid=instance.uuid, name=instance.name, project_id=instance.project_id
    )


def nova_to_osvif_vif(vif: network_model.VIF) -> osv_objects.vif.VIFBase:
    """os-vif's object for a VIF of Open vSwitch, direct or hybrid."""
    profile = osv_objects.vif.VIFPortProfileOpenVSwitch(
        interface_id=vif.ovs_interfaceid, datapath_type=vif.details.get("datapath_type")
    )
    common = {
        "id": vif.id,
        "address": vif.address,
        "network": osv_objects.network.Network(
            id=vif.network.id,
            bridge=_ovs_bridge(vif),
            label=vif.network.label,
            mtu=vif.network.mtu,
        ),
        "plugin": "ovs",
        "active": vif.active,
        "preserve_on_delete": vif.preserve_on_delete,
        "has_traffic_filtering": vif.port_filter,
        "port_profile": profile,
        "vif_name": vif.devname,
        "bridge_name": _guest_bridge(vif),
    }
    kind = osv_objects.vif.VIFBridge if vif.hybrid_plug else osv_objects.vif.VIFOpenVSwitch
    return kind(**common)


def _check_bound(vif: network_model.VIF) -> None:
    if vif.type not in (network_model.VIF_TYPE_OVS, network_model.VIF_TYPE_BRIDGE):
        raise exception.VirtualInterfacePlugException(
            reason=f"port {vif.id} has VIF type {vif.type!r}, which is not supported"
        )


def _devices() -> set[str]:
    """The network devices of this network namespace."""
    return {name for _index, name in socket.if_nameindex()}


def _ensure_linux_bridge(bridge: str) -> None:
    if bridge not in _devices():
        processutils.execute("ip", "link", "add", bridge, "type", "bridge")
    processutils.execute("ip", "link", "set", bridge, "up")
