"""The clean slate: whatever happened, nothing is stuck, nothing is leaked, every sum is true.

It asks the database and the hypervisors' files with queries of its own, not with the project's.
"""

from __future__ import annotations

import json

from tests.functional.harness.cloud import Cloud
from tests.functional.harness.waiting import until

_RESOURCES = ("vcpus", "memory_mb", "local_gb")
_STATE_OF_GUEST = {"active": 1, "paused": 3, "stopped": 4, "suspended": 4, "shelved": 4}


def assert_clean(cloud: Cloud, seconds: float = 30) -> None:
    """AssertionError with everything that is wrong, when it is still wrong after ``seconds``."""
    found: list[str] = []

    def clean() -> bool:
        found[:] = violations(cloud)
        return not found

    try:
        until("a clean slate", clean, seconds)
    except AssertionError as exc:
        raise AssertionError("\n".join([str(exc), *found])) from None


def violations(cloud: Cloud) -> list[str]:
    servers = cloud.query("SELECT * FROM instances WHERE NOT deleted")
    return [
        *_unfinished(cloud, servers),
        *_allocations(cloud, servers),
        *_ledgers(cloud),
        *_usages(cloud, servers),
        *_guests(cloud, servers),
        *_offloaded(servers),
        *shelved_images(servers, cloud.whole_images()),
        *_orphans(cloud),
    ]


def _unfinished(cloud: Cloud, servers: list[dict]) -> list[str]:
    actions = cloud.query("SELECT * FROM instance_actions WHERE finish_time IS NULL")
    pending = [
        f"action {a['id']} ({a['method']}) of {a['instance_uuid']} at {a['host']} is not finished: "
        f"owner {a['owner']}, {a['attempts']} attempts"
        for a in actions
    ]
    busy = [
        f"server {s['uuid']} is {s['vm_state']} with the task {s['task_state']}"
        for s in servers
        if s["task_state"] is not None or s["vm_state"] == "building"
    ]
    return pending + busy + _secrets(cloud)


def _secrets(cloud: Cloud) -> list[str]:
    """The arguments of an action may hold a password: with the action's end they are gone."""
    rows = cloud.query(
        "SELECT id FROM instance_actions WHERE finish_time IS NOT NULL AND args IS NOT NULL"
    )
    return [f"finished action {row['id']} still has its arguments" for row in rows]


def _allocations(cloud: Cloud, servers: list[dict]) -> list[str]:
    """Every server on a host holds its flavor's share there, and nobody else holds anything."""
    due = {s["uuid"]: {"host": s["host"], **_share(s)} for s in servers if s["host"]}
    held = {
        row["consumer_uuid"]: {name: row[name] for name in ("host", *_RESOURCES)}
        for row in cloud.query("SELECT * FROM allocations")
    }
    return [
        f"server {uuid} should hold {due.get(uuid)} and holds {held.get(uuid)}"
        for uuid in due.keys() | held.keys()
        if due.get(uuid) != held.get(uuid)
    ]


def _share(server: dict) -> dict[str, int]:
    flavor = json.loads(server["flavor"])
    root = flavor["root_gb"] if server["image_ref"] else 0  # else it runs from a volume
    disk = root + flavor["ephemeral_gb"] + -(-flavor["swap"] // 1024)
    return {"vcpus": flavor["vcpus"], "memory_mb": flavor["memory_mb"], "local_gb": disk}


def _ledgers(cloud: Cloud) -> list[str]:
    rows = cloud.query(
        "SELECT n.host, n.vcpus_used, n.memory_mb_used, n.local_gb_used, n.running_vms,"
        " COALESCE(SUM(a.vcpus), 0) AS vcpus, COALESCE(SUM(a.memory_mb), 0) AS memory_mb,"
        " COALESCE(SUM(a.local_gb), 0) AS local_gb, COUNT(a.id) AS servers"
        " FROM compute_nodes n LEFT JOIN allocations a ON a.host = n.host GROUP BY n.id"
    )
    return [
        f"the ledger of {row['host']} is not the sum of its allocations: {row}"
        for row in rows
        if row["running_vms"] != row["servers"]
        or any(row[f"{name}_used"] != row[name] for name in _RESOURCES)
    ]


def _usages(cloud: Cloud, servers: list[dict]) -> list[str]:
    due: dict[str, list[int]] = {}
    for server in servers:
        total = due.setdefault(server["project_id"], [0, 0, 0])
        for i, amount in enumerate((1, server["vcpus"], server["memory_mb"])):
            total[i] += amount
    return [
        f"project {row['project_id']} is charged {row} for {due.get(row['project_id'])}"
        for row in cloud.query("SELECT * FROM project_usages")
        if [row["instances"], row["cores"], row["ram"]] != due.get(row["project_id"], [0, 0, 0])
    ]


def _guests(cloud: Cloud, servers: list[dict]) -> list[str]:
    """Each hypervisor has the guests of its servers, in the state that the record tells."""
    wrong = []
    for host in cloud.computes:
        there = cloud.guests(host)
        due = {s["uuid"]: s for s in servers if s["host"] == host and s["vm_state"] != "error"}
        known = {s["uuid"] for s in servers if s["host"] == host}
        wrong += [f"guest {uuid} on {host} is nobody's" for uuid in there.keys() - known]
        wrong += [f"server {uuid} has no guest on {host}" for uuid in due.keys() - there.keys()]
        for uuid in due.keys() & there.keys():
            expected = _STATE_OF_GUEST.get(due[uuid]["vm_state"])
            if not expected == there[uuid] == due[uuid]["power_state"]:
                wrong.append(
                    f"server {uuid} is {due[uuid]['vm_state']} with power state "
                    f"{due[uuid]['power_state']}, its guest says {there[uuid]}"
                )
    return wrong


def _offloaded(servers: list[dict]) -> list[str]:
    """Who is shelved and on no host is nowhere and nothing but that."""
    return [
        f"server {s['uuid']} is shelved_offloaded, and on {s['host']} ({s['power_state']})"
        for s in servers
        if s["vm_state"] == "shelved_offloaded" and (s["host"] or s["node"] or s["power_state"])
    ]


def shelved_images(servers: list[dict], images: dict[str, str]) -> list[str]:
    """What is wrong with the images of shelved servers; ``images``: id -> name of those that are
    whole. One that is a server's is there, one that is nobody's is not."""
    known = {s["uuid"]: json.loads(s["system_metadata"]).get("shelved_image_id") for s in servers}
    shelved = {s["uuid"]: known[s["uuid"]] for s in servers if s["vm_state"].startswith("shelved")}
    return [
        *(
            f"server {uuid} is shelved in image {image}, which is not there"
            for uuid, image in shelved.items()
            if image and image not in images
        ),
        *(
            f"image {image} ({name}) is of a server that is not shelved in it"
            for image, name in images.items()
            if name.endswith("-shelved") and image not in shelved.values()
        ),
        *(
            f"server {uuid} still names the image {image}"
            for uuid, image in known.items()
            if image and uuid not in shelved
        ),
    ]


def _orphans(cloud: Cloud) -> list[str]:
    """Records of servers that are gone."""
    wrong = []
    for table, column in (
        ("request_specs", "instance_uuid"),
        ("block_device_mapping", "instance_uuid"),
        ("tags", "resource_id"),
    ):
        rows = cloud.query(
            f"SELECT t.{column} AS uuid FROM {table} t LEFT JOIN instances i"
            f" ON i.uuid = t.{column} AND NOT i.deleted WHERE i.id IS NULL"
        )
        wrong += [f"{table} still has a row of {row['uuid']}" for row in rows]
    return wrong
