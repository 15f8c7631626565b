import base64

import pytest

from nova_mini.conf import CONF
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.instance import Instance
from nova_mini.objects.network_model import VIF, FixedIP, Network, NetworkInfo, Route, Subnet

USER_DATA = b"#!/bin/sh\n\x00\xffecho hello\n"


@pytest.fixture(autouse=True)
def _configured():
    CONF([], project="nova-mini", default_config_files=[])


@pytest.fixture
def vif():
    subnet = Subnet(
        "10.0.0.0/24",
        4,
        "10.0.0.1",
        ["9.9.9.9"],
        [FixedIP("10.0.0.5", 4, ["203.0.113.9"])],
        [Route("172.16.0.0/12", "10.0.0.9")],
        meta={"enable_dhcp": True},
    )
    network = Network("net-id", "private", mtu=1450, subnets=[subnet])
    return VIF("0a1b2c3d-4e5f", "fa:16:3e:00:00:01", network, type="ovs", tag="front")


@pytest.fixture
def instance(vif, override):
    return Instance(
        id=10,
        uuid="aaaaaaaa-0000-4000-8000-00000000000a",
        project_id="p1",
        display_name="My server",
        hostname="my-server",
        launch_index=0,
        reservation_id="r-abc",
        availability_zone="az1",
        image_ref="6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11",
        kernel_id=None,
        ramdisk_id=None,
        key_name="mykey",
        key_data="ssh-ed25519 AAAA me",
        user_data=base64.b64encode(USER_DATA).decode(),
        metadata={"role": "web"},
        system_metadata={},
        security_groups=["default", "web"],
        root_device_name="/dev/vda",
        default_ephemeral_device=None,
        default_swap_device="/dev/vdb",
        flavor=Flavor(id=1, name="m1.nano"),
        network_info=NetworkInfo([vif]),
    )
