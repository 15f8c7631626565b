"""The config drive lists the disks that have a tag, as the metadata service does."""

import io
import json

import pycdlib

from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.objects.instance_metadata import InstanceMetadata, TaggedDisk
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt import block_device
from nova_mini.virt.block_device_info import BlockDeviceInfo
from nova_mini.virt.libvirt import disks, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers

META_DATA = "/openstack/latest/meta_data.json"


def mapping(**fields) -> BlockDeviceMapping:
    values = {"destination_type": "local", "device_type": "disk", "boot_index": -1} | fields
    return BlockDeviceMapping.new(RequestContext(overwrite=False), **values)


def devices_on_drive(instance, block_device_info) -> list[dict]:
    """``devices`` of meta_data.json, read from the image of the drive."""
    info = disks.InjectionInfo(NetworkInfo(), [], None)
    disks.create_config_drive(instance, Backend("raw"), info, block_device_info)
    iso, stream = pycdlib.PyCdlib(), io.BytesIO()
    iso.open(str(utils.get_instance_path(instance) / "disk.config"))
    iso.get_file_from_iso_fp(stream, rr_path=META_DATA)
    iso.close()
    return json.loads(stream.getvalue())["devices"]


def test_tagged_disks_are_the_same_as_in_the_metadata_service():
    bdms = [
        mapping(source_type="image", boot_index=0, device_name="/dev/vda", tag="root"),
        mapping(source_type="blank", volume_size=1, device_name="/dev/vdb", tag="scratch"),
        mapping(
            source_type="blank",
            volume_size=1,
            guest_format="swap",
            device_name="/dev/vdc",
            disk_bus="virtio",
            tag="swap",
        ),
        mapping(
            source_type="volume",
            destination_type="volume",
            volume_id="v1",
            tag="data",
            device_name="/dev/vdd",
            disk_bus="virtio",
            connection_info=json.dumps({"serial": "v1", "data": {}}),
        ),
        mapping(
            source_type="volume",
            destination_type="volume",
            volume_id="v2",
            device_name="/dev/vde",
            connection_info=json.dumps({"serial": "v2", "data": {}}),
        ),
    ]
    instance = servers.make_instance()
    utils.get_instance_path(instance).mkdir()
    devices = devices_on_drive(instance, block_device.get_block_device_info(bdms))
    assert devices[-1] == {
        "type": "disk",
        "bus": "virtio",
        "address": "none",
        "path": "/dev/vdd",
        "serial": "v1",
        "tags": ["data"],
    }
    served = InstanceMetadata(instance, tagged_disks=TaggedDisk.of_mappings(bdms))
    assert devices == json.loads(served.lookup(META_DATA))["devices"]
    assert [each["tags"] for each in devices] == [["root"], ["scratch"], ["swap"], ["data"]]


def test_a_drive_without_tagged_disks_has_no_devices():
    instance = servers.make_instance()
    utils.get_instance_path(instance).mkdir()
    assert devices_on_drive(instance, BlockDeviceInfo()) == []
