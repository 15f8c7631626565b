"""The oracle for a real cloud: checks that nothing is leaked in the database, at the hypervisor, at
the switch, in the external services and in Ceph."""

from __future__ import annotations

import warnings

from tests.functional.harness import oracle
from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import ceph, volume_oracle
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.machine import Machine

PAUSE = 0.5


def forgive_what_was_before(cloud: Cloud) -> None:
    """Report the violations from before the tests once, and ignore them afterwards."""
    try:
        assert_clean(cloud)
    except AssertionError:
        before = violations(cloud)
        warnings.warn("wrong before these tests: " + "; ".join(before), stacklevel=2)
        cloud.forgiven.update(before)


def assert_clean(cloud: Cloud, seconds: float = 60) -> None:
    """Raise AssertionError with all violations if there are still any after ``seconds``."""
    found: list[str] = []

    def clean() -> bool:
        found[:] = violations(cloud)
        return not found

    try:
        until("a clean slate", clean, seconds, PAUSE)
    except AssertionError as exc:
        raise AssertionError("\n".join([str(exc), *found])) from None


def violations(cloud: Cloud) -> list[str]:
    return [each for each in _violations(cloud) if each not in cloud.forgiven]


def _violations(cloud: Cloud) -> list[str]:
    rows = cloud.query("SELECT uuid, host, vm_state FROM instances WHERE NOT deleted")
    hosts = {row["uuid"]: row["host"] for row in rows}
    usable = {row["uuid"] for row in rows if row["host"] and row["vm_state"] != "error"}
    uuids = {uuid for uuid, host in hosts.items() if host}
    sources = _sources(cloud)
    wrong = []
    for machine in cloud.machines:
        own = {uuid for uuid, host in hosts.items() if host == machine.name}
        due = own | {uuid for uuid, source in sources.items() if source == machine.name}
        wrong += _files(machine, due) + _wires(machine, due)
        wrong += volume_oracle.host_violations(cloud, machine, own, due)
    return [
        *oracle.violations(cloud),
        *wrong,
        *_ports(cloud, hosts, usable),
        *(_disks(cloud, uuids) if ceph.HERE else ()),
        *_images(cloud),
        *(_volumes(cloud) if cloud.has_volumes else ()),
        *volume_oracle.violations(cloud),
    ]


def _sources(cloud: Cloud) -> dict[str, str]:
    """Server -> the host that it left and that keeps its disks until its user confirms."""
    rows = cloud.query(
        "SELECT instance_uuid, source_compute FROM migrations WHERE status = 'finished'"
    )
    return {row["instance_uuid"]: row["source_compute"] for row in rows}


def _files(machine: Machine, uuids: set[str]) -> list[str]:
    place = f" on {machine.name}"
    folders = {name.removesuffix("_resize") for name in machine.instance_directories()}
    return [
        *(f"directory {name}{place} is an orphan" for name in folders - uuids),
        *(f"cached image {one}{place} is not finished" for one in machine.unfinished_images()),
    ]


def _disks(cloud: Cloud, uuids: set[str]) -> list[str]:
    """Ceph contains only the disks of servers and the images of Glance, and all are complete."""
    disks, images = ceph.names(ceph.DISKS), ceph.names(ceph.IMAGES)
    known = {image.id for image in cloud.of_admin.image.images()}
    return [
        *(f"disk {name} is an orphan" for name in disks if name.partition("_")[0] not in uuids),
        *(f"disk {name} is not finished" for name in disks if ".part-" in name),
        *(f"image {name} is not Glance's" for name in images - known),
    ]


def _wires(machine: Machine, uuids: set[str]) -> list[str]:
    """Every plugged interface belongs to a server of this host."""
    plugged = machine.switch_ports()
    place = f" on {machine.name}"
    return [
        *(
            f"switch port {name}{place} is of {owner}, which is not there"
            for name, owner in plugged.items()
            if owner not in uuids
        ),
        *(f"interface {name}{place} is in no switch" for name in machine.taps() - plugged.keys()),
    ]


def _ports(cloud: Cloud, hosts: dict[str, str | None], usable: set[str]) -> list[str]:
    """Neutron and the records of servers agree about ports; those of ``usable`` servers are bound
    where the guest is."""
    wrong = []
    for port in cloud.of_admin.network.ports():
        owner, bound = port.device_id, port.binding_host_id
        if not port.device_owner.startswith("compute:"):
            continue
        if owner not in hosts:
            wrong.append(f"port {port.id} is of {owner}, which is gone")
        elif owner in usable and bound != hosts[owner]:
            wrong.append(f"port {port.id} is bound to {bound}; {owner} is on {hosts[owner]}")
    return wrong


def _images(cloud: Cloud) -> list[str]:
    """There are no unfinished images."""
    return [
        f"image {image.id} ({image.name}) is {image.status}"
        for image in cloud.of_admin.image.images()
        if image.status in ("queued", "saving")
    ]


def _volumes(cloud: Cloud) -> list[str]:
    """Cinder and the records of servers agree about volumes, and Ceph has only those of Cinder."""
    storage = cloud.of_admin.block_storage
    mapped = {
        row["attachment_id"]: row["instance_uuid"]
        for row in cloud.query(
            "SELECT attachment_id, instance_uuid FROM block_device_mapping"
            " WHERE attachment_id IS NOT NULL"
        )
    }
    waiting = volume_oracle.waiting_volumes(cloud)
    response = storage.get("/attachments?all_tenants=1", microversion="3.27").json()
    attachments = {each["id"]: each["instance"] for each in response["attachments"]}
    volumes = list(storage.volumes(all_projects=True))
    return [
        *(
            f"attachment {one} is of {owner}, which does not know it"
            for one, owner in attachments.items()
            if mapped.get(one) != owner
        ),
        *(
            f"server {owner} has the attachment {one}, which is gone"
            for one, owner in mapped.items()
            if one not in attachments
        ),
        *(
            f"volume {volume.id} is {volume.status}"
            for volume in volumes
            if volume.status not in ("available", "in-use")
            and not (volume.status == "reserved" and volume.id in waiting)
        ),
        *(_in_ceph({volume.id for volume in volumes}) if ceph.HERE else ()),
        *(each for machine in cloud.machines for each in _secrets(machine, mapped)),
    ]


def _in_ceph(uuids: set[str]) -> list[str]:
    there = {name.removeprefix("volume-") for name in ceph.names(ceph.VOLUMES)}
    return [f"volume {one} in Ceph is not Cinder's" for one in there - uuids]


def _secrets(machine: Machine, mapped: dict[str, str]) -> list[str]:
    """libvirt has no secret of an iSCSI target or an encrypted volume that no guest uses."""
    if mapped:
        return []
    found = machine.secrets("iscsi") + machine.secrets("volume")
    return [f"libvirt's secret {usage} on {machine.name} is an orphan" for usage in found]
