"""Ports of each type are converted to interfaces of the domain and to objects of os-vif."""

import pytest
from os_vif.objects import vif as osv_vif

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt.libvirt import vif as vif_module
from tests import servers

PORT = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d"
NETDEV = {"datapath_type": "netdev"}
HYBRID = {"ovs_hybrid_plug": True}


def config(vif, **properties):
    driver = vif_module.LibvirtGenericVIFDriver()
    return driver.get_config(vif, ImageMeta(properties=properties), servers.make_flavor())


def ovs(**details):
    return servers.make_vif(id=PORT, details={"bridge_name": "br-int", **details})


def test_a_port_of_open_vswitch():
    xml = config(ovs()).format_dom()
    assert xml.find("source").get("bridge") == "br-int"
    assert xml.find("virtualport").get("type") == "openvswitch"
    assert xml.find("virtualport/parameters").get("interfaceid") == PORT
    assert xml.find("target").get("dev") == "tap0a1b2c3d-4e"
    assert xml.find("mtu").get("size") == "1450"
    assert xml.find("driver") is None


def test_hybrid_plug_has_a_bridge_per_port():
    xml = config(ovs(**HYBRID)).format_dom()
    assert xml.find("source").get("bridge") == "qbr0a1b2c3d-4e"
    assert xml.find("virtualport") is None


def test_a_userspace_datapath_disables_offloads():
    xml = config(ovs(**NETDEV)).format_dom()
    assert set(xml.find("driver/host").attrib.values()) == {"off"}
    assert "csum" in xml.find("driver/guest").attrib
    assert config(ovs(**NETDEV, **HYBRID)).format_dom().find("driver") is None


def test_linux_bridge():
    vif = servers.make_vif(type="bridge", details={"bridge_name": "brq-net"})
    xml = config(vif, hw_vif_model="e1000").format_dom()
    assert xml.find("source").get("bridge") == "brq-net"
    assert xml.find("model").get("type") == "e1000"


def interface(extra_specs=None, properties=None, vcpus=4):
    flavor = servers.make_flavor(vcpus=vcpus, extra_specs=extra_specs or {})
    image_meta = ImageMeta(properties=properties or {})
    return vif_module.LibvirtGenericVIFDriver().get_config(ovs(), image_meta, flavor).format_dom()


MULTIQUEUE = {"hw_vif_multiqueue_enabled": "true"}


@pytest.mark.parametrize(
    ("extra_specs", "properties", "vcpus", "queues"),
    [
        ({}, MULTIQUEUE, 4, "4"),
        ({"hw:vif_multiqueue_enabled": "yes"}, {}, 2, "2"),
        ({}, MULTIQUEUE, 300, "256"),
    ],
)
def test_an_interface_has_a_queue_for_each_vcpu(extra_specs, properties, vcpus, queues):
    assert interface(extra_specs, properties, vcpus).find("driver").get("queues") == queues


@pytest.mark.parametrize(
    ("properties", "vcpus"),
    [({}, 4), (MULTIQUEUE, 1), ({**MULTIQUEUE, "hw_vif_model": "e1000"}, 4)],
)
def test_other_interfaces_have_one_queue(properties, vcpus):
    assert interface({}, properties, vcpus).find("driver") is None


def test_the_administrator_limits_the_queues_and_sets_their_size(override):
    override("max_queues", 3, "libvirt")
    override("rx_queue_size", 1024, "libvirt")
    driver = interface({"hw:virtio_packed_ring": "true"}, MULTIQUEUE).find("driver")
    assert dict(driver.attrib) == {"queues": "3", "packed": "on", "rx_queue_size": "1024"}
    assert interface({}, {"hw_vif_model": "e1000"}).find("driver") is None


def test_the_bandwidth_of_an_interface():
    assert interface().find("bandwidth") is None
    limits = {"inbound_average": "100", "inbound_peak": "200", "inbound_burst": "0"}
    found = interface({f"quota:vif_{name}": value for name, value in limits.items()})
    assert dict(found.find("bandwidth/inbound").attrib) == {"average": "100", "peak": "200"}
    assert found.find("bandwidth/outbound") is None


@pytest.mark.parametrize("kind", ["binding_failed", "unbound", "vhostuser"])
def test_a_port_of_an_unsupported_type_is_an_error(kind):
    vif = servers.make_vif(type=kind)
    with pytest.raises(exception.VirtualInterfacePlugException, match=f"{vif.id}.*{kind}"):
        config(vif)
    driver = vif_module.LibvirtGenericVIFDriver()
    with pytest.raises(exception.VirtualInterfacePlugException):
        driver.plug(servers.make_instance(), vif)
    driver.unplug(servers.make_instance(), vif)


@pytest.mark.parametrize(
    ("details", "kind", "bridge"),
    [({}, osv_vif.VIFOpenVSwitch, "br-int"), (HYBRID, osv_vif.VIFBridge, "qbr0a1b2c3d-4e")],
)
def test_the_objects_for_os_vif(details, kind, bridge):
    converted = vif_module.nova_to_osvif_vif(ovs(**details, **NETDEV))
    assert type(converted) is kind
    assert converted.plugin == "ovs"
    assert converted.bridge_name == bridge
    assert converted.network.bridge == "br-int"
    assert converted.port_profile.interface_id == PORT
    assert converted.port_profile.datapath_type == "netdev"
