"""Debian's own cloud-init, in a guest of the stack's cloud, reads and applies its metadata.

One guest reads from the metadata service, through Neutron's agent, and gets its address by DHCP.
The other guest has a config drive, on a network without DHCP, so it gets its address from the
drive. Both boot at the same time, and are then checked over ssh. ``tools/test --tier nightly``
builds the image and runs these tests. Emulated on two cores they take 5 minutes, mostly for the
boot of Debian: cloud-init finishes after 80 to 95 s. The first run takes one or two minutes more,
for the image.
"""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.integration.cloud.harness import guest as guests
from tests.integration.cloud.harness import images
from tests.integration.cloud.harness.guest import Guest, user_data

pytestmark = pytest.mark.nightly

DISKS = "NOVA_MINI_CLOUD_GUEST"  # where tests.nightly.cloud_guest has built the image
FLAVOR = "1"  # m1.tiny: 512 MiB of memory, 1 GiB of disk
LOGIN = "debian"  # the user that Debian's cloud-init makes and gives the key
BOOT_SECONDS = 1500
NAME_SERVER = "203.0.113.53"
SERVICE, DRIVE = "metadata service", "config drive"

KERNEL_OPTIONS = "root=/dev/vda rw console=ttyS0 quiet mitigations=off"
RAN = "/root/ran-by-user-data"
SCRIPT = user_data(f"hostname > {RAN}")


@dataclass
class Booted:
    """A guest whose cloud-init has finished. ``said``: its last message on the console."""

    guest: Guest
    hostname: str
    address: str
    output: str

    def run(self, command: str) -> str:
        """Run a command as root. Returns its output."""
        return self.guest.ssh(self.address, f"sudo sh -c '{command}'", user=LOGIN)


@pytest.fixture(scope="module")
def static_network(cloud) -> Iterator[str]:
    """The id of a network without DHCP, connected to the project's router."""
    api = cloud.of_user.network
    router = next(iter(api.routers()))
    network = api.create_network(name="it-static")
    subnet = api.create_subnet(
        network_id=network.id,
        ip_version=4,
        cidr="10.77.0.0/24",
        enable_dhcp=False,
        dns_nameservers=[NAME_SERVER],
    )
    api.add_interface_to_router(router, subnet_id=subnet.id)
    yield network.id
    api.remove_interface_from_router(router, subnet_id=subnet.id)
    api.delete_network(network)


@pytest.fixture(scope="module")
def image(cloud) -> Iterator[str]:
    (disks,) = pathlib.Path(os.environ[DISKS]).iterdir()
    made = [
        images.upload(cloud, kind, disks / file, container_format=kind)
        for kind, file in (("aki", "vmlinuz"), ("ari", "initrd.img"))
    ]
    made.append(
        images.upload(
            cloud,
            "raw",
            disks / "root.ext4",
            kernel_id=made[0],
            ramdisk_id=made[1],
            os_command_line=KERNEL_OPTIONS,
        )
    )
    yield made[-1]
    for image_id in made:
        cloud.of_user.image.delete_image(image_id)


@pytest.fixture(scope="module")
def started(cloud, image, static_network, boot_for_all) -> dict[str, Guest]:
    """Both guests, which still boot."""
    common = {
        "imageRef": image,
        "flavorRef": FLAVOR,
        "key_name": guests.KEY,
        "security_groups": [{"name": "ping-ssh"}],
        "user_data": SCRIPT,
        "metadata": {"purpose": "cloud-init"},
    }
    private = [{"uuid": cloud.network("private")}]
    static = [{"uuid": static_network}]
    return {
        SERVICE: boot_for_all(name="it-service", networks=private, **common),
        DRIVE: boot_for_all(name="it-drive", networks=static, config_drive=True, **common),
    }


@pytest.fixture(scope="module", params=[SERVICE, DRIVE])
def booted(cloud, started, request) -> Iterator[Booted]:
    guest = started[request.param]
    port = guest.interfaces()[0]["port_id"]
    public = cloud.network("public")
    floating = cloud.of_user.network.create_ip(floating_network_id=public, port_id=port)
    output = guest.wait_for_output(r"Cloud-init v\. \S+ finished at .*", BOOT_SECONDS)[0]
    print(output)
    name = "it-service" if request.param == SERVICE else "it-drive"
    yield Booted(guest, name, floating.floating_ip_address, output)
    cloud.of_user.network.delete_ip(floating)


@pytest.fixture
def from_drive(booted) -> bool:
    return booted.hostname == "it-drive"


def test_ds_identify_finds_openstack(booted, from_drive):
    """ds-identify recognizes the SMBIOS product; a config drive is found by its label."""
    assert booted.run("cat /sys/class/dmi/id/product_name").strip() == "OpenStack Nova"
    chosen = booted.run("cat /run/cloud-init/cloud.cfg")
    source = "ConfigDrive" if from_drive else "OpenStack"
    assert f"datasource_list: [ {source}, None ]" in chosen


def test_cloud_init_has_no_error(booted, from_drive):
    result = json.loads(booted.run("cat /run/cloud-init/result.json"))["v1"]
    source = "DataSourceConfigDrive" if from_drive else "DataSourceOpenStack"
    assert result["datasource"].startswith(source), result
    assert result["errors"] == []
    assert "WARNING" not in booted.run("cat /var/log/cloud-init.log")


def test_cloud_init_sets_the_identity(booted, from_drive):
    known = json.loads(booted.run("cat /run/cloud-init/instance-data.json"))["v1"]
    assert known["cloud_name"] == ("configdrive" if from_drive else "openstack")
    assert known["instance_id"] == booted.guest.id
    assert known["availability_zone"] == "nova"
    assert booted.run("hostname").strip() == booted.hostname


def test_it_lets_the_key_pair_in(booted):
    """``run`` has used it to log in."""
    (key,) = [
        line
        for line in booted.run(f"cat /home/{LOGIN}/.ssh/authorized_keys").splitlines()
        if line.strip()
    ]
    assert key.split()[:2] == guests.PUBLIC_KEY.read_text().split()[:2]


def test_it_ran_its_user_data(booted):
    assert booted.run(f"cat {RAN}").strip() == booted.hostname


def test_the_network_is_configured_from_the_metadata(cloud, booted, from_drive):
    (interface,) = booted.guest.interfaces()
    (fixed,) = booted.guest.addresses()
    written = booted.run("cat /etc/network/interfaces.d/50-cloud-init")
    if from_drive:
        assert "inet static" in written
        assert f"address {fixed}/24" in written
        assert "default via 10.77.0.1 " in booted.run("ip route")
        assert f"dns-nameservers {NAME_SERVER}" in written
        assert "mtu " in written  # no DHCP server tells it
    else:
        assert "inet dhcp" in written
    name = written.split("auto ")[-1].split()[0]
    shown = json.loads(booted.run(f"ip -json addr show dev {name}"))[0]
    assert shown["address"] == interface["mac_addr"]
    assert fixed in {each["local"] for each in shown["addr_info"]}
    network = cloud.of_user.network.get_network(interface["net_id"])
    assert shown["mtu"] == network.mtu
