"""What a backend says of a connection is put in its place, and its keys are told to nobody."""

import json

import pytest

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.virt.libvirt.volume import nfs
from tests.unit.virt.libvirt.test_volume_drivers import Connector, iscsi_connection

SECRET = "chappassword"


@pytest.mark.parametrize("name", ["../../etc/shadow", "/etc/shadow", "a/../../b", "..", ""])
def test_a_file_elsewhere_than_in_its_share_is_not_connected(name):
    driver = nfs.LibvirtNFSVolumeDriver()
    driver.connector = Connector()
    connection = {
        "driver_volume_type": "nfs",
        "serial": "volume",
        "data": {"export": "10.0.0.1:/share", "name": name},
    }
    with pytest.raises(exception.VolumeAttachFailed, match="not in its share"):
        driver.connect_volume(connection)
    assert driver.connector.asked == []


def test_a_mapping_shows_no_key():
    bdm = BlockDeviceMapping.new(
        RequestContext(overwrite=False), connection_info=json.dumps(iscsi_connection())
    )
    assert SECRET not in repr(bdm) and SECRET not in str(bdm)
