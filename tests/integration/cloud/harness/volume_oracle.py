"""The oracle for volumes while no operation runs, in addition to the checks in Cinder: the disks of
the guests are those in the records, and the host has no connections of deleted servers."""

from __future__ import annotations

import json

import libvirt
from lxml import etree

from tests.integration.cloud.harness import volumes
from tests.integration.cloud.harness.cloud import Cloud
from tests.integration.cloud.harness.machine import Machine


def violations(cloud: Cloud) -> list[str]:
    """The violations in Cinder; none in a cloud without it."""
    if not cloud.has_volumes:
        return []
    return [*_attachments(cloud, _records(cloud)), *_snapshots(cloud)]


def host_violations(cloud: Cloud, machine: Machine, uuids: set[str], due: set[str]) -> list[str]:
    """The violations on a host. ``uuids``: the servers on it. ``due``: also those that it keeps
    until their user confirms that they have left it."""
    if not cloud.has_volumes:
        return []
    return [*_guests(machine, _records(cloud), uuids), *_host(machine, due)]


def _records(cloud: Cloud) -> list[dict]:
    return cloud.query(
        "SELECT m.* FROM block_device_mapping m JOIN instances i ON i.uuid = m.instance_uuid"
        " WHERE m.destination_type = 'volume' AND NOT i.deleted AND i.vm_state <> 'error'"
    )


def waiting_volumes(cloud: Cloud) -> set[str]:
    """The volumes of servers that are shelved and on no host: they are only reserved."""
    rows = cloud.query(
        "SELECT m.volume_id FROM block_device_mapping m JOIN instances i"
        " ON i.uuid = m.instance_uuid WHERE NOT i.deleted AND i.vm_state = 'shelved_offloaded'"
    )
    return {row["volume_id"] for row in rows}


def _attachments(cloud: Cloud, records: list[dict]) -> list[str]:
    """Each attachment is complete (or reserved, without a host), and of the recorded volume."""
    waiting = waiting_volumes(cloud)
    theirs = {each["id"]: each for each in volumes.attachments(cloud)}
    return [
        f"attachment {found['id']} of volume {found['volume_id']} is {found['status']}, and the "
        f"record says volume {record['volume_id']}"
        for record in records
        if (found := theirs.get(record["attachment_id"]))
        and (found["status"], found["volume_id"])
        != ("reserved" if record["volume_id"] in waiting else "attached", record["volume_id"])
    ]


def _guests(machine: Machine, records: list[dict], uuids: set[str]) -> list[str]:
    """Each guest has the recorded disks, with the recorded device names."""
    expected: dict[str, dict[str, str]] = {uuid: {} for uuid in uuids}
    for record in records:
        source = _source_on_record(json.loads(record["connection_info"] or "{}"))
        target = (record["device_name"] or "").removeprefix("/dev/")  # named by its host
        expected.setdefault(record["instance_uuid"], {})[target] = source
    return [
        f"guest {uuid} has {found}, and the record says {expected[uuid]}"
        for uuid in uuids & machine.domains().keys()
        for found in _disks(machine, uuid)
        if found != expected[uuid]
    ]


def _source_on_record(connection: dict) -> str:
    data = connection.get("data", {})
    return data.get("name") or f"{data.get('target_iqn')}/{data.get('target_lun')}"


def _disks(machine: Machine, uuid: str) -> list[dict[str, str]]:
    """target -> source of every disk that is a volume, of the running guest and of its definition.

    Disks that Ceph holds for the server itself are not volumes.
    """
    connection = libvirt.open(machine.libvirt_uri)
    try:
        domain = connection.lookupByUUIDString(uuid)
        flags = [libvirt.VIR_DOMAIN_XML_INACTIVE, *([0] if domain.isActive() else [])]
        texts = [domain.XMLDesc(each) for each in flags]
    finally:
        connection.close()
    return [
        {
            disk.find("target").get("dev"): disk.find("source").get("name")
            for disk in etree.fromstring(text).iter("disk")
            if disk.get("type") == "network" and uuid not in disk.find("source").get("name")
        }
        for text in texts
    ]


def _host(machine: Machine, uuids: set[str]) -> list[str]:
    """Deleted servers have no connections and no passwords on the host."""
    kept = [path.name.partition(".")[0] for path in machine.connections.glob("*.json")]
    connection = libvirt.open(machine.libvirt_uri)
    try:
        secrets = [
            s
            for s in connection.listAllSecrets()
            if s.usageType() == libvirt.VIR_SECRET_USAGE_TYPE_ISCSI
        ]
    finally:
        connection.close()
    place = f"on {machine.name}"
    wrong = [f"a connection of {uuid} is left {place}" for uuid in kept if uuid not in uuids]
    if len(secrets) != len(kept):
        wrong.append(f"libvirt {place} keeps {len(secrets)} secrets for {len(kept)} connections")
    return wrong


def _snapshots(cloud: Cloud) -> list[str]:
    """Every snapshot that was made for an image is named by an image."""
    cinder = cloud.of_admin.block_storage
    response = cinder.get("/snapshots/detail?all_tenants=1").json()["snapshots"]
    images = {image.id: image.status for image in cloud.of_admin.image.images()}
    return [
        f"snapshot {each['id']} is of image {image}, which is {images.get(image)}"
        for each in response
        if (image := each["metadata"].get("nova_mini_image")) and images.get(image) != "active"
    ]
