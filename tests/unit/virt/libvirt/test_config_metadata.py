"""A domain's metadata has Nova's form, which monitoring tools read."""

import datetime
from importlib import metadata

import pytest
from lxml import etree

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import FixedIP, Network, Subnet
from nova_mini.virt.libvirt import config_metadata
from tests import servers

NOVA = {"nova": "http://openstack.org/xmlns/libvirt/nova/1.1"}
IMAGE = "11111111-0000-0000-0000-000000000001"


def described(vifs=(), **overrides) -> etree._Element:
    """The parsed metadata element of a server."""
    instance = servers.make_instance(**overrides)
    image_meta = ImageMeta.from_instance(instance)
    return etree.fromstring(
        config_metadata.from_instance(instance, vifs, image_meta).to_xml().encode()
    )


def text(node, path: str) -> str:
    return node.findtext(path, namespaces=NOVA)


def attributes(node, path: str) -> dict:
    return dict(node.find(path, NOVA).attrib)


def test_name_and_creation_time():
    xml = described(display_name="web", created_at=datetime.datetime(2026, 11, 29, 6, 5, 4, 999))
    assert xml.tag == f"{{{NOVA['nova']}}}instance"
    assert attributes(xml, "nova:package") == {"version": metadata.version("nova-mini")}
    assert text(xml, "nova:name") == "web"
    assert text(xml, "nova:creationTime") == "2026-11-29 06:05:04"
    assert [etree.QName(child).localname for child in xml] == [
        "package",
        "name",
        "creationTime",
        "flavor",
        "image",
        "owner",
        "root",
        "ports",
    ]


def test_the_flavor():
    flavor = servers.make_flavor(
        flavorid="42",
        name="m1.big",
        memory_mb=2048,
        root_gb=20,
        ephemeral_gb=5,
        swap=512,
        vcpus=4,
        extra_specs={"hw:cpu_cores": "2"},
    )
    xml = described(flavor=flavor)
    assert attributes(xml, "nova:flavor") == {"name": "m1.big", "id": "42"}
    values = {
        name: text(xml, f"nova:flavor/nova:{name}")
        for name in ("memory", "disk", "swap", "ephemeral", "vcpus")
    }
    assert values == {
        "memory": "2048",
        "disk": "20",
        "swap": "512",
        "ephemeral": "5",
        "vcpus": "4",
    }
    spec = xml.find("nova:flavor/nova:extraSpecs/nova:extraSpec", NOVA)
    assert (spec.get("name"), spec.text) == ("hw:cpu_cores", "2")


def test_the_image():
    kept = {
        "image_base_image_ref": IMAGE,
        "image_container_format": "bare",
        "image_disk_format": "qcow2",
        "image_min_disk": "3",
        "image_min_ram": "64",
        "image_os_distro": "debian",
        "image_my_own": "not Nova's",
    }
    xml = described(system_metadata=kept)
    assert attributes(xml, "nova:image") == {"uuid": IMAGE}
    values = [
        text(xml, f"nova:image/nova:{name}")
        for name in ("containerFormat", "diskFormat", "minDisk", "minRam")
    ]
    assert values == ["bare", "qcow2", "3", "64"]
    properties = xml.findall("nova:image/nova:properties/nova:property", NOVA)
    assert [(node.get("name"), node.text) for node in properties] == [("os_distro", "debian")]
    assert attributes(xml, "nova:root") == {"type": "image", "uuid": IMAGE}


def test_a_server_without_an_image_has_its_root_on_a_volume():
    xml = described(image_ref="", system_metadata={"image_hw_disk_bus": "scsi"})
    assert attributes(xml, "nova:root") == {"type": "volume", "uuid": ""}
    assert attributes(xml, "nova:image") == {"uuid": ""}
    assert text(xml, "nova:image/nova:properties/nova:property") == "scsi"


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ({"owner_user_name": "ann", "owner_project_name": "lab"}, ["ann", "lab"]),
        ({}, ["N/A", "N/A"]),  # the server is older than this release
    ],
)
def test_the_owner(names, expected):
    xml = described(user_id="u", project_id="p", system_metadata=names)
    assert attributes(xml, "nova:owner/nova:user") == {"uuid": "u"}
    assert attributes(xml, "nova:owner/nova:project") == {"uuid": "p"}
    assert [text(xml, f"nova:owner/nova:{who}") for who in ("user", "project")] == expected


def test_the_ports_with_their_addresses():
    subnets = [
        Subnet("10.0.0.0/24", ips=[FixedIP("10.0.0.5")]),
        Subnet("2001:db8::/64", version=6, ips=[FixedIP("2001:db8::5", version=6)]),
    ]
    vif = servers.make_vif(network=Network(id="net", subnets=subnets))
    xml = described([vif, servers.make_vif()])
    ports = xml.findall("nova:ports/nova:port", NOVA)
    assert [port.get("uuid") == vif.id for port in ports] == [True, False]
    assert [dict(ip.attrib) for ip in ports[0]] == [
        {"type": "fixed", "address": "10.0.0.5", "ipVersion": "4"},
        {"type": "fixed", "address": "2001:db8::5", "ipVersion": "6"},
    ]


def test_characters_that_xml_cannot_hold_do_not_fail_a_build():
    xml = described(
        display_name="bell \a", system_metadata={"image_os_distro": "nul \0", "image_hw_\x1b": "x"}
    )
    assert text(xml, "nova:name") == "bell \ufffd"
    properties = xml.findall("nova:image/nova:properties/nova:property", NOVA)
    assert {node.get("name"): node.text for node in properties} == {
        "os_distro": "nul \ufffd",
        "hw_\ufffd": "x",
    }
