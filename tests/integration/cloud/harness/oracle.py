"""The clean slate of a real cloud: the ledger's, the hypervisor's, the switch's and Neutron's."""

from __future__ import annotations

from tests.functional.harness import oracle
from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import ceph, node
from tests.integration.cloud.harness.cloud import Cloud

PAUSE = 0.5


def assert_clean(cloud: Cloud, seconds: float = 60) -> None:
    """AssertionError with everything that is wrong, when it is still wrong after ``seconds``."""
    found: list[str] = []

    def clean() -> bool:
        found[:] = violations(cloud)
        return not found

    try:
        until("a clean slate", clean, seconds, PAUSE)
    except AssertionError as exc:
        raise AssertionError("\n".join([str(exc), *found])) from None


def violations(cloud: Cloud) -> list[str]:
    here = cloud.query("SELECT uuid FROM instances WHERE NOT deleted AND host IS NOT NULL")
    uuids = {row["uuid"] for row in here}
    return [
        *oracle.violations(cloud),
        *_files(uuids),
        *_wires(uuids),
        *_ports(cloud, uuids),
        *(_disks(cloud, uuids) if ceph.HERE else ()),
    ]


def _files(uuids: set[str]) -> list[str]:
    return [
        *(f"directory {name} is nobody's" for name in node.instance_directories() - uuids),
        *(f"cached image {name} is not finished" for name in node.unfinished_images()),
    ]


def _disks(cloud: Cloud, uuids: set[str]) -> list[str]:
    """In Ceph there are the disks of servers and the images of Glance, whole."""
    disks, images = ceph.names(ceph.DISKS), ceph.names(ceph.IMAGES)
    known = {image.id for image in cloud.of_admin.image.images()}
    return [
        *(f"disk {name} is nobody's" for name in disks if name.partition("_")[0] not in uuids),
        *(f"disk {name} is not finished" for name in disks if ".part-" in name),
        *(f"image {name} is not Glance's" for name in images - known),
    ]


def _wires(uuids: set[str]) -> list[str]:
    """What is plugged belongs to a server that is here."""
    plugged = node.switch_ports()
    return [
        *(
            f"switch port {name} is of {owner}, which is gone"
            for name, owner in plugged.items()
            if owner not in uuids
        ),
        *(f"interface {name} is in no switch" for name in node.taps() - plugged.keys()),
    ]


def _ports(cloud: Cloud, uuids: set[str]) -> list[str]:
    """Neutron and the servers tell the same of who has which port."""
    theirs = {
        port.id: port.device_id
        for port in cloud.of_admin.network.ports()
        if port.device_owner.startswith("compute:")
    }
    return [
        f"port {port} is of {owner}, which is gone"
        for port, owner in theirs.items()
        if owner not in uuids
    ]
