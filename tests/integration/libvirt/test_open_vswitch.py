"""Ports on Open vSwitch are plugged as Neutron's agent expects, and unplugged completely."""

import shutil
import socket
import subprocess

import pytest

from nova_mini.objects.network_model import Network
from nova_mini.virt.libvirt.vif import LibvirtGenericVIFDriver
from tests import servers
from tests.integration.libvirt import cloud


def vsctl(*args: str) -> str:
    command = ["ovs-vsctl", "--timeout=5", *args]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def has_open_vswitch() -> bool:
    if not shutil.which("ovs-vsctl"):
        return False
    return subprocess.run(["ovs-vsctl", "--timeout=2", "show"], capture_output=True).returncode == 0


pytestmark = pytest.mark.skipif(not has_open_vswitch(), reason="Open vSwitch does not run")


@pytest.fixture
def bridge():
    name = "br-drv-test"
    vsctl("--may-exist", "add-br", name, "--", "set", "bridge", name, "datapath_type=netdev")
    yield name
    vsctl("--if-exists", "del-br", name)


@pytest.fixture
def make_vif(bridge):
    network = Network(id="5f0f9a5e-6b53-4bb1-9d55-1c6f2ac5d7ef", bridge=bridge, mtu=1450)
    details = {"bridge_name": bridge, "datapath_type": "netdev", "port_filter": True}

    def make(hybrid: bool):
        return servers.make_vif(network=network, details=details | {"ovs_hybrid_plug": hybrid})

    return make


def devices_of(vif) -> set[str]:
    """This port's devices: tap, qbr, qvb and qvo."""
    return {name[:3] for _index, name in socket.if_nameindex() if name[3:] == vif.id[:11]}


def port_of(vif, prefix: str) -> str:
    return vsctl("get", "Interface", f"{prefix}{vif.id[:11]}", "external_ids:iface-id")


def features(device: str) -> dict[str, str]:
    output = subprocess.check_output(["ethtool", "-k", device], text=True)
    return dict(line.strip().split(": ", 1) for line in output.splitlines() if ": " in line)


@pytest.mark.parametrize(
    ("hybrid", "prefix", "devices"),
    [(False, "tap", {"tap"}), (True, "qvo", {"tap", "qbr", "qvb", "qvo"})],
)
def test_a_port_is_plugged_and_unplugged_with_the_guest(
    driver, make_vif, bridge, hybrid, prefix, devices
):
    vif = make_vif(hybrid)
    instance = servers.make_instance()
    cloud.spawn(driver, instance, [vif])
    assert devices_of(vif) == devices
    assert port_of(vif, prefix) == f'"{vif.id}"'
    assert vsctl("port-to-br", f"{prefix}{vif.id[:11]}") == bridge

    driver.reboot(None, instance, cloud.NetworkInfo([vif]), "HARD")
    assert devices_of(vif) == devices

    for _again in range(2):
        driver.destroy(None, instance, cloud.NetworkInfo([vif]))
        assert devices_of(vif) == set()
        assert vsctl("list-ports", bridge) == ""


def test_no_offloads_towards_a_switch_in_user_space(driver, make_vif):
    vif = make_vif(hybrid=True)
    instance = servers.make_instance()
    driver.vif_driver.plug(instance, vif)
    for prefix in ("qvb", "qvo"):
        found = features(f"{prefix}{vif.id[:11]}")
        assert found["tx-checksumming"] == "off"
        assert found["tcp-segmentation-offload"].startswith("off")
        assert found["generic-segmentation-offload"] == "off"
    driver.vif_driver.unplug(instance, vif)


def test_hot_plugged_ports(driver, make_vif, console):
    instance = servers.make_instance()
    cloud.spawn(driver, instance)
    console(instance, "GUEST: ready")
    for hybrid in (False, True):
        vif = make_vif(hybrid)
        driver.attach_interface(None, instance, cloud.ImageMeta(), vif)
        assert "tap" in devices_of(vif)
        driver.detach_interface(None, instance, vif)
        assert devices_of(vif) == set()


def test_a_plug_that_was_cut_off_is_finished(driver, make_vif, bridge):
    vif = make_vif(hybrid=True)
    qvb, qvo = (f"{prefix}{vif.id[:11]}" for prefix in ("qvb", "qvo"))
    subprocess.run(["ip", "link", "add", qvb, "type", "veth", "peer", "name", qvo], check=True)
    instance = servers.make_instance()
    driver.vif_driver.plug(instance, vif)
    assert vsctl("port-to-br", qvo) == bridge
    driver.vif_driver.plug(instance, vif)
    assert devices_of(vif) == {"qbr", "qvb", "qvo"}
    driver.vif_driver.unplug(instance, vif)
    assert devices_of(vif) == set()


@pytest.mark.parametrize("hybrid", [False, True])
def test_a_port_that_outlived_its_guest_is_found_and_removed(make_vif, bridge, hybrid):
    """Open vSwitch keeps its ports when the host loses power."""
    vif, instance, plugging = make_vif(hybrid), servers.make_instance(), LibvirtGenericVIFDriver()
    if hybrid:
        plugging.plug(instance, vif)
        port = f"qvo{vif.id[:11]}"
    else:  # as libvirt makes it
        port = vif.devname
        ids = [f"external_ids:{key}={value}" for key, value in _ids(instance, vif).items()]
        vsctl("add-port", bridge, port, "--", "set", "Interface", port, "type=internal", *ids)
    others = "not-a-servers"
    vsctl("add-port", bridge, others, "--", "set", "Interface", others, "type=internal")
    plugged = plugging.list_plugged()  # on the whole host: other servers may have ports, too
    assert plugged[instance.uuid] == [port]
    assert not any(others in ports for ports in plugged.values())
    for _again in range(2):
        plugging.remove_port(port)
        assert instance.uuid not in plugging.list_plugged()
        assert vsctl("list-ports", bridge) == others
        assert devices_of(vif) == set()


def _ids(instance, vif) -> dict[str, str]:
    return {"iface-id": vif.id, "vm-id": instance.uuid, "iface-status": "active"}
