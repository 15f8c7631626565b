"""The metadata of a guest, from the service and from the config drive."""

import json

import pytest

from nova_mini import exception
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance_metadata import VERSIONS, InstanceMetadata, TaggedDisk
from tests.unit.metadata.conftest import USER_DATA


def text(metadata, path):
    return metadata.lookup(path).decode()


def document(metadata, path="/openstack/latest/meta_data.json"):
    return json.loads(metadata.lookup(path))


def test_ec2_tree(instance):
    metadata = InstanceMetadata(instance)
    assert metadata.lookup("/")[-2:] == ["2009-04-04", "latest"]
    assert metadata.lookup("/latest/") == ["meta-data/", "user-data"]
    names = metadata.lookup("/2009-04-04/meta-data/")
    assert {"hostname", "placement/", "public-keys/", "block-device-mapping/"} <= set(names)
    assert "kernel-id" not in names
    for path, expected in {
        "instance-id": "i-0000000a",
        "ami-id": "ami-6f2c2a86",
        "ami-launch-index": "0",
        "instance-type": "m1.nano",
        "hostname": "my-server.novalocal",
        "local-ipv4": "10.0.0.5",
        "public-ipv4": "203.0.113.9",
        "placement/availability-zone": "az1",
        "security-groups": "default\nweb",
        "block-device-mapping/root": "/dev/vda",
        "block-device-mapping/swap": "/dev/vdb",
        "public-keys/0/openssh-key": "ssh-ed25519 AAAA me",
    }.items():
        assert text(metadata, f"latest/meta-data/{path}") == expected, path
    assert metadata.lookup("latest/meta-data/public-keys") == ["0=mykey"]
    assert metadata.lookup("latest/meta-data/public-keys/0/") == ["openssh-key"]
    assert metadata.lookup("latest/user-data") == USER_DATA


def test_openstack_meta_data(instance, override):
    override("dhcp_domain", "cloud.example", "api")
    metadata = InstanceMetadata(instance)
    data = document(metadata)
    assert len(data.pop("random_seed")) == 684
    assert data == {
        "uuid": instance.uuid,
        "name": "My server",
        "hostname": "my-server.cloud.example",
        "launch_index": 0,
        "availability_zone": "az1",
        "project_id": "p1",
        "meta": {"role": "web"},
        "public_keys": {"mykey": "ssh-ed25519 AAAA me"},
        "keys": [{"name": "mykey", "type": "ssh", "data": "ssh-ed25519 AAAA me"}],
        "devices": [
            {
                "type": "nic",
                "bus": "none",
                "address": "none",
                "mac": "fa:16:3e:00:00:01",
                "tags": ["front"],
                "vf_trusted": False,
            }
        ],
        "dedicated_cpus": [],
    }


def test_ec2_paths_with_and_without_the_prefix(instance):
    metadata = InstanceMetadata(instance)
    assert metadata.lookup("/ec2") == metadata.lookup("/")
    assert metadata.lookup("/ec2/latest/meta-data/") == metadata.lookup("/latest/meta-data/")
    assert text(metadata, "/ec2/2009-04-04/meta-data/hostname") == "my-server.novalocal"


@pytest.mark.parametrize(
    ("version", "there", "not_there"),
    [
        ("1.0", "hostname", "local-hostname"),
        ("2007-01-19", "local-hostname", "instance-type"),
        ("2007-08-29", "instance-type", "block-device-mapping/"),
        ("2007-12-15", "block-device-mapping/", "placement/"),
        ("2008-02-01", "placement/", "instance-action"),
        ("latest", "instance-action", "nothing"),
    ],
)
def test_ec2_paths_by_version(instance, version, there, not_there):
    names = InstanceMetadata(instance).lookup(f"/{version}/meta-data")
    assert there in names
    assert not_there not in names


def test_tagged_disks_are_in_the_metadata(instance):
    disks = [
        BlockDeviceMapping(tag=tag, disk_bus="virtio", device_name="/dev/vdb", volume_id="volume")
        for tag in ("data", None)
    ]
    metadata = InstanceMetadata(instance, tagged_disks=TaggedDisk.of_mappings(disks))
    devices = document(metadata, "openstack/latest/meta_data.json")["devices"]
    assert devices[1:] == [
        {
            "type": "disk",
            "bus": "virtio",
            "address": "none",
            "path": "/dev/vdb",
            "serial": "volume",
            "tags": ["data"],
        }
    ]


def test_openstack_metadata_by_version(instance):
    metadata = InstanceMetadata(instance)
    assert metadata.lookup("/openstack") == list(VERSIONS)
    assert metadata.lookup("/openstack/2012-08-10") == ["meta_data.json", "user_data"]
    assert "network_data.json" not in metadata.lookup("/openstack/2013-10-17")
    assert set(metadata.lookup("/openstack/latest")) == {
        "meta_data.json",
        "user_data",
        "password",
        "vendor_data.json",
        "vendor_data2.json",
        "network_data.json",
    }
    assert document(metadata, "/openstack/2025-04-04/meta_data.json")["uuid"] == instance.uuid
    (nic,) = document(metadata, "/openstack/2016-06-30/meta_data.json")["devices"]
    assert "vf_trusted" not in nic
    old = document(metadata, "/openstack/2012-08-10/meta_data.json")
    assert not {"random_seed", "project_id", "devices"} & set(old)


def test_network_data(instance, vif):
    six = vif.network.subnets[0].from_dict(vif.network.subnets[0].to_dict())
    six.version, six.cidr, six.gateway, six.routes = 6, "fd00::/64", "fd00::1", []
    six.meta = {"enable_dhcp": True, "ipv6_address_mode": "slaac"}
    six.ips[0].address = "fd00::5"
    fixed = vif.network.subnets[0].from_dict(vif.network.subnets[0].to_dict())
    fixed.meta = {"enable_dhcp": False}
    vif.network.subnets += [six, fixed]
    data = document(InstanceMetadata(instance), "openstack/latest/network_data.json")
    assert data["links"] == [
        {
            "id": "tap0a1b2c3d-4e",
            "vif_id": vif.id,
            "type": "ovs",
            "mtu": None,
            "ethernet_mac_address": "fa:16:3e:00:00:01",
        }
    ]
    leased, slaac, static = data["networks"]
    assert leased == {
        "id": "network0",
        "type": "ipv4_dhcp",
        "link": "tap0a1b2c3d-4e",
        "network_id": "net-id",
    }
    assert (slaac["id"], slaac["type"]) == ("network1", "ipv6_slaac")
    assert slaac["ip_address"] == "fd00::5"
    assert slaac["routes"][0] == {"network": "::", "netmask": "::", "gateway": "fd00::1"}
    assert (static["type"], static["netmask"]) == ("ipv4", "255.255.255.0")
    assert static["routes"] == [
        {"network": "0.0.0.0", "netmask": "0.0.0.0", "gateway": "10.0.0.1"},
        {"network": "172.16.0.0", "netmask": "255.240.0.0", "gateway": "10.0.0.9"},
    ]
    assert data["services"] == [{"type": "dns", "address": "9.9.9.9"}]


def test_network_data_has_mtu_without_dhcp(instance, vif):
    vif.network.subnets[0].meta = {"enable_dhcp": False}
    data = document(InstanceMetadata(instance), "openstack/latest/network_data.json")
    assert data["links"][0]["mtu"] == 1450


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/latest/nope",
        "/latest/meta-data/hostname/x",
        "/openstack/1999-01-01",
        "/openstack/latest/nope",
        "/openstack/content/0000",
        "/latest/meta-data/kernel-id",
    ],
)
def test_unknown_path_is_not_found(instance, path):
    with pytest.raises(exception.InvalidMetadataPath):
        InstanceMetadata(instance).lookup(path)


def test_metadata_without_key_user_data_and_password(instance):
    instance.key_name = instance.key_data = instance.user_data = None
    instance.image_ref = ""
    metadata = InstanceMetadata(instance)
    assert metadata.lookup("/latest") == ["meta-data/"]
    assert not {"public_keys", "keys", "admin_pass"} & set(document(metadata))
    assert not {"public-keys/", "ami-id"} & set(metadata.lookup("/latest/meta-data"))
    assert metadata.lookup("/openstack/latest/password") == b""


def test_config_drive_has_metadata_and_admin_password(instance):
    metadata = InstanceMetadata(
        instance, admin_password="s3cret", injected_files=[("/etc/motd", b"hi")]
    )
    drive = dict(metadata.metadata_for_config_drive())
    assert {path.split("/")[1] for path in drive if path.startswith("openstack")} == {
        *VERSIONS,
        "content",
    }
    assert drive["openstack/content/0000"] == b"hi"
    data = json.loads(drive["openstack/latest/meta_data.json"])
    assert data["admin_pass"] == "s3cret"
    assert data["files"] == [{"content_path": "/content/0000", "path": "/etc/motd"}]
    assert drive["openstack/latest/user_data"] == USER_DATA == drive["ec2/latest/user-data"]
    ec2 = json.loads(drive["ec2/2009-04-04/meta-data.json"])
    assert ec2["public-keys"] == {"0": {"openssh-key": "ssh-ed25519 AAAA me"}}
    assert not any(path.endswith("/password") for path in drive)
    assert all(isinstance(content, bytes) for content in drive.values())
