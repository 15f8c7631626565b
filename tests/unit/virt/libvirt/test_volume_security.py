"""Values of a connection cannot lead outside of its share, and its secrets are not shown."""

import json

import pytest

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping
from nova_mini.virt.libvirt.volume import nfs
from tests.unit.virt.libvirt.test_volume_drivers import Connector, iscsi_connection

SECRET = "chappassword"


@pytest.mark.parametrize("name", ["../../etc/shadow", "/etc/shadow", "a/../../b", "..", ""])
def test_a_file_outside_of_its_share_is_not_connected(name):
    driver = nfs.LibvirtNFSVolumeDriver()
    driver.connector = Connector()
    connection = {
        "driver_volume_type": "nfs",
        "serial": "volume",
        "data": {"export": "10.0.0.1:/share", "name": name},
    }
    with pytest.raises(exception.VolumeAttachFailed, match="outside of its share"):
        driver.connect_volume(connection)
    assert driver.connector.calls == []


def test_the_repr_of_a_mapping_has_no_secrets():
    bdm = BlockDeviceMapping.new(
        RequestContext(overwrite=False), connection_info=json.dumps(iscsi_connection())
    )
    assert SECRET not in repr(bdm) and SECRET not in str(bdm)
