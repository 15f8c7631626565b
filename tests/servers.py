"""Servers and ports for the tests of drivers: real objects, without a database."""

from __future__ import annotations

import datetime
import itertools
import uuid

from nova_mini.image import authorization
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.instance import Instance
from nova_mini.objects.network_model import VIF, Network, NetworkInfo

_ids = itertools.count(1)


def make_flavor(**overrides) -> Flavor:
    values = {
        "id": 1,
        "flavorid": "1",
        "name": "m1.nano",
        "memory_mb": 96,
        "vcpus": 1,
        "root_gb": 1,
        "ephemeral_gb": 0,
        "swap": 0,
        "extra_specs": {},
    }
    return Flavor(**values | overrides)


def make_instance(flavor: Flavor | None = None, **overrides) -> Instance:
    flavor = flavor or make_flavor()
    number = next(_ids)
    values = {
        "id": number,
        "uuid": str(uuid.uuid4()),
        "deleted": False,
        "project_id": "project",
        "user_id": "user",
        "display_name": f"server {number}",
        "hostname": f"server-{number}",
        "reservation_id": "r-12345678",
        "launch_index": 0,
        "created_at": datetime.datetime(2026, 1, 1),
        "flavor": flavor,
        "memory_mb": flavor.memory_mb,
        "vcpus": flavor.vcpus,
        "root_gb": flavor.root_gb,
        "ephemeral_gb": flavor.ephemeral_gb,
        "image_ref": "11111111-0000-0000-0000-000000000001",
        "kernel_id": None,
        "ramdisk_id": None,
        "os_type": None,
        "architecture": None,
        "key_name": None,
        "key_data": None,
        "user_data": None,
        "config_drive": "",
        "root_device_name": "/dev/vda",
        "default_ephemeral_device": None,
        "default_swap_device": None,
        "numa_topology": None,
        "availability_zone": "nova",
        "metadata": {},
        "system_metadata": {},
        "security_groups": [],
        "network_info": NetworkInfo(),
        "host": "host",
        "node": "host",
        "tags": [],
    }
    values |= overrides
    if "system_metadata" not in overrides:  # as set by the API, which has read the images
        ids = [values[name] for name in ("image_ref", "kernel_id", "ramdisk_id")]
        values["system_metadata"] = authorization.record(ids)
    return Instance(**values)


def make_vif(**overrides) -> VIF:
    values = {
        "id": str(uuid.uuid4()),
        "address": f"fa:16:3e:00:00:{next(_ids) % 256:02x}",
        "network": Network(id=str(uuid.uuid4()), label="net", bridge="br-int", mtu=1450),
        "type": "ovs",
        "active": True,
    }
    return VIF(**values | overrides)
