"""Interfaces of guests: plugged into this host's switch by os-vif, put into the domain by libvirt.

Open vSwitch directly (libvirt makes the port), Open vSwitch through a Linux bridge of the port's
own (hybrid, so that iptables can filter), or a plain Linux bridge.
"""

from __future__ import annotations

import functools
import os
import socket

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
from nova_mini.network import model
from nova_mini.virt.libvirt.config_devices import LibvirtConfigGuestInterface
from nova_mini.virt.libvirt.hardware import VIF_MODELS, Hardware

OVSDB_SOCKET = "unix:/run/openvswitch/db.sock"

# Open vSwitch in user space hands packets on whose checksum nobody has filled in. Ping and DHCP
# pass, TCP does not: whoever sends into it must not leave checksums or segmentation to "hardware".
_HOST_OFFLOADS = ("csum", "gso", "tso4", "tso6", "ecn", "ufo")
_GUEST_OFFLOADS = ("csum", "tso4", "tso6", "ecn", "ufo")
_ETHTOOL_OFF = ("tx", "off", "tso", "off", "gso", "off")


def _short(prefix: str, vif: model.VIF) -> str:
    return f"{prefix}{vif.id}"[: model.NIC_NAME_LEN]


def _has_userspace_datapath(vif: model.VIF) -> bool:
    return vif.details.get("datapath_type") == "netdev"


def _ovs_bridge(vif: model.VIF) -> str:
    return vif.network.bridge or vif.details.get("bridge_name") or "br-int"


def _guest_bridge(vif: model.VIF) -> str:
    """The bridge that the tap of the guest stands on."""
    if vif.type == model.VIF_TYPE_OVS:
        return _short("qbr", vif) if vif.hybrid_plug else _ovs_bridge(vif)
    return vif.details.get("bridge_name") or vif.network.bridge or f"brq{vif.network.id}"[:14]


class LibvirtGenericVIFDriver:
    def __init__(self):
        # os-vif keeps to this default unless the operator sets [os_vif_ovs] ovsdb_connection.
        cfg.set_defaults(osv_ovs.OvsPlugin.CONFIG_OPTS, ovsdb_connection=OVSDB_SOCKET)
        if os.geteuid() == 0:
            osv_privsep.vif_plug.set_client_mode(False)  # no helper process to become root
        os_vif.initialize()

    def get_config(self, vif: model.VIF, image_meta, flavor) -> LibvirtConfigGuestInterface:
        """The interface as the domain has it. Raises UnsupportedHardware and, for a port that
        Neutron could not bind here, VirtualInterfacePlugException."""
        _check_bound(vif)
        config = LibvirtConfigGuestInterface(
            mac_addr=vif.address,
            target_dev=vif.devname,
            source_bridge=_guest_bridge(vif),
            model=Hardware(flavor, image_meta).choice("vif_model", VIF_MODELS, "virtio"),
            mtu=vif.network.mtu,
        )
        if vif.type == model.VIF_TYPE_OVS and not vif.hybrid_plug:
            config.openvswitch_id = vif.ovs_interfaceid
            if _has_userspace_datapath(vif):
                config.host_offload = dict.fromkeys(_HOST_OFFLOADS, "off")
                config.guest_offload = dict.fromkeys(_GUEST_OFFLOADS, "off")
        return config

    def plug(self, instance, vif: model.VIF) -> None:
        """Make all that the domain's interface stands on. Plugged already is fine."""
        _check_bound(vif)
        try:
            if vif.type == model.VIF_TYPE_OVS:
                self._plug_ovs(instance, vif)
            else:
                _ensure_linux_bridge(_guest_bridge(vif))
        except (osv_exception.ExceptionBase, processutils.ProcessExecutionError) as exc:
            raise exception.VirtualInterfacePlugException(reason=str(exc)) from exc

    def _plug_ovs(self, instance, vif: model.VIF) -> None:
        if vif.hybrid_plug and self._is_half_plugged(vif):
            self.unplug(instance, vif)
        os_vif.plug(nova_to_osvif_vif(vif), nova_to_osvif_instance(instance))
        if vif.hybrid_plug and _has_userspace_datapath(vif):
            for device in (_short("qvb", vif), _short("qvo", vif)):
                processutils.execute("ethtool", "-K", device, *_ETHTOOL_OFF)

    def _is_half_plugged(self, vif: model.VIF) -> bool:
        """Whether a plug was cut off before its last step, the switch's port: os-vif takes the
        device before that for the whole and would never make the port."""
        device = _short("qvo", vif)
        return device in _devices() and not self._ovsdb.port_exists(device, _ovs_bridge(vif))

    @functools.cached_property
    def _ovsdb(self) -> ovsdb_lib.BaseOVS:
        return ovsdb_lib.BaseOVS(CONF.os_vif_ovs)

    def unplug(self, instance, vif: model.VIF) -> None:
        """Take it all away again. Nothing there is fine; a Linux bridge is shared and stays."""
        if vif.type != model.VIF_TYPE_OVS:
            return
        try:
            os_vif.unplug(nova_to_osvif_vif(vif), nova_to_osvif_instance(instance))
        except osv_exception.ExceptionBase as exc:
            raise exception.VirtualInterfacePlugException(reason=str(exc)) from exc

    def list_plugged(self) -> dict[str, list[str]]:
        """Instance uuid -> its ports at this host's Open vSwitch; libvirt or os-vif noted whose."""
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
        """One of :meth:`list_plugged`, with the bridge that stands on it. Gone already is fine."""
        if name.startswith("qvo"):
            linux_net.delete_bridge(name.replace("qvo", "qbr", 1), name.replace("qvo", "qvb", 1))
        linux_net.delete_net_dev(name)
        # Last: the switch alone knows whose it was.
        self._ovsdb.ovsdb.del_port(name, if_exists=True).execute()


def nova_to_osvif_instance(instance) -> osv_objects.instance_info.InstanceInfo:
    return osv_objects.instance_info.InstanceInfo(
        uuid=instance.uuid, name=instance.name, project_id=instance.project_id
    )


def nova_to_osvif_vif(vif: model.VIF) -> osv_objects.vif.VIFBase:
    """For Open vSwitch, direct or hybrid."""
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


def _check_bound(vif: model.VIF) -> None:
    if vif.type not in (model.VIF_TYPE_OVS, model.VIF_TYPE_BRIDGE):
        raise exception.VirtualInterfacePlugException(
            reason=f"port {vif.id} has VIF type {vif.type!r}, which this host cannot plug"
        )


def _devices() -> set[str]:
    """Of this network namespace."""
    return {name for _index, name in socket.if_nameindex()}


def _ensure_linux_bridge(bridge: str) -> None:
    if bridge not in _devices():
        processutils.execute("ip", "link", "add", bridge, "type", "bridge")
    processutils.execute("ip", "link", "set", bridge, "up")
