"""The oracle: checks that nothing is stuck or leaked, and that all sums are correct.

It reads the database and the files of the hypervisors with its own queries, not with those of
nova_mini.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from tests.functional.harness.cloud import Cloud
from tests.functional.harness.waiting import until

_RESOURCES = ("vcpus", "memory_mb", "local_gb")
_STATE_OF_GUEST = {
    "active": 1,
    "paused": 3,
    "stopped": 4,
    "suspended": 4,
    "shelved": 4,
    "rescued": 1,
    "soft-delete": 4,
}


def assert_clean(cloud: Cloud, seconds: float = 30) -> None:
    """Raise AssertionError with all violations if there are still any after ``seconds``."""
    found: list[str] = []

    def clean() -> bool:
        found[:] = violations(cloud)
        return not found

    try:
        until("there are no violations", clean, seconds)
    except AssertionError as exc:
        raise AssertionError("\n".join([str(exc), *found])) from None


def violations(cloud: Cloud) -> list[str]:
    servers = cloud.query("SELECT * FROM instances WHERE NOT deleted")
    moves = _open_migrations(cloud)
    return [
        *_unfinished(cloud, servers),
        *_stuck_migrations(servers, moves),
        *_allocations(cloud, servers, moves),
        *_own_cpus(servers, moves),
        *_ledgers(cloud),
        *_usages(cloud, servers, moves),
        *_guests(cloud, servers, moves),
        *_rescue_disks(cloud, servers),
        *_local_disks(cloud, servers, moves),
        *_offloaded(servers),
        *shelved_images(servers, cloud.whole_images()),
        *_orphans(cloud),
    ]


def _open_migrations(cloud: Cloud) -> dict[str, dict]:
    """Server -> its migration that has not ended."""
    (schema,) = cloud.query("SELECT version_num FROM alembic_version")
    if schema["version_num"] < "0006":  # a cloud that was not upgraded yet
        return {}
    rows = cloud.query(
        "SELECT * FROM migrations WHERE status NOT IN "
        "('confirmed', 'reverted', 'error', 'completed', 'done', 'failed', 'cancelled')"
    )
    return {row["instance_uuid"]: row for row in rows}


def _stuck_migrations(servers: list[dict], moves: dict[str, dict]) -> list[str]:
    """Only a server that waits for its user has an open migration."""
    waits = {s["uuid"] for s in servers if s["vm_state"] == "resized"}
    return [
        f"migration {move['uuid']} of server {uuid} is {move['status']}"
        for uuid, move in moves.items()
        if uuid not in waits or move["status"] != "finished"
    ] + [f"server {uuid} is resized without a migration" for uuid in waits - moves.keys()]


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
    """Arguments of actions may contain passwords, so they are removed when an action ends."""
    rows = cloud.query(
        "SELECT id FROM instance_actions WHERE finish_time IS NOT NULL AND args IS NOT NULL"
    )
    return [f"finished action {row['id']} still has its arguments" for row in rows]


def _allocations(cloud: Cloud, servers: list[dict], moves: dict[str, dict]) -> list[str]:
    """Every server on a host has an allocation of its flavor there, every open migration one of the
    old flavor at its source, and there are no others."""
    due = {s["uuid"]: {"host": s["host"], **_share(s)} for s in servers if s["host"]}
    for server in servers:
        if move := moves.get(server["uuid"]):
            share = _share({**server, "flavor": move["old_flavor"]})
            due[move["uuid"]] = {"host": move["source_compute"], **share}
    held = {
        row["consumer_uuid"]: {name: row[name] for name in ("host", *_RESOURCES)}
        for row in cloud.query("SELECT * FROM allocations")
    }
    return [
        f"consumer {uuid} should have the allocation {due.get(uuid)}, but has {held.get(uuid)}"
        for uuid in due.keys() | held.keys()
        if due.get(uuid) != held.get(uuid)
    ]


def _share(server: dict) -> dict[str, int]:
    flavor = json.loads(server["flavor"])
    root = flavor["root_gb"] if server["image_ref"] else 0  # else it runs from a volume
    disk = root + flavor["ephemeral_gb"] + -(-flavor["swap"] // 1024)
    pinned = flavor["extra_specs"].get("hw:cpu_policy") == "dedicated"  # they share no CPUs
    vcpus = 0 if pinned else flavor["vcpus"]
    return {"vcpus": vcpus, "memory_mb": flavor["memory_mb"], "local_gb": disk}


def _own_cpus(servers: list[dict], moves: dict[str, dict]) -> list[str]:
    """A CPU of a host belongs to one server, which has as many as its flavor has vCPUs. A server
    that moves has some at both ends."""
    owners: dict[tuple[str, int], str] = {}
    found = []
    for uuid, host, text in _placed(servers, moves):
        for cell in json.loads(text)["cells"] if text and host else ():
            for _vcpu, cpu in cell["pins"]:
                owner = owners.setdefault((host, cpu), uuid)
                if owner != uuid:
                    found.append(f"CPU {cpu} of {host} belongs to {owner} and {uuid}")
    return found


def _placed(servers: list[dict], moves: dict[str, dict]) -> Iterator[tuple]:
    """(consumer, host, stored topology)."""
    for server in servers:
        yield server["uuid"], server["host"], server.get("numa_topology")
        if (move := moves.get(server["uuid"])) and move.get("numa_topologies"):
            old = json.loads(move["numa_topologies"])["old"]
            if move["source_compute"] != server["host"]:
                yield move["uuid"], move["source_compute"], json.dumps(old) if old else None


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


def _usages(cloud: Cloud, servers: list[dict], moves: dict[str, dict]) -> list[str]:
    """A server with an open migration counts with the larger flavor, a soft-deleted one not at
    all."""
    due: dict[str, list[int]] = {}
    for server in servers:
        if server["vm_state"] == "soft-delete":
            continue
        total = due.setdefault(server["project_id"], [0, 0, 0])
        flavors = [server]
        if move := moves.get(server["uuid"]):
            flavors = [json.loads(move[name]) for name in ("old_flavor", "new_flavor")]
        cores, ram = (max(each[name] for each in flavors) for name in ("vcpus", "memory_mb"))
        for i, amount in enumerate((1, cores, ram)):
            total[i] += amount
    return [
        f"the usage of project {row['project_id']} is {row} instead of {due.get(row['project_id'])}"
        for row in cloud.query("SELECT * FROM project_usages")
        if [row["instances"], row["cores"], row["ram"]] != due.get(row["project_id"], [0, 0, 0])
    ]


def _guests(cloud: Cloud, servers: list[dict], moves: dict[str, dict]) -> list[str]:
    """Each hypervisor has the guests of its servers, in the state of their records. The source of
    an open migration keeps the guest, but does not run it."""
    wrong = []
    for host in cloud.computes:
        there = cloud.guests(host)
        due = {s["uuid"]: s for s in servers if s["host"] == host and s["vm_state"] != "error"}
        known = {s["uuid"] for s in servers if s["host"] == host}
        kept = {u for u, move in moves.items() if move["source_compute"] == host} - known
        wrong += [
            f"guest {uuid} runs on {host}, which it has left"
            for uuid in kept & there.keys()
            if there[uuid] != _STATE_OF_GUEST["stopped"]
        ]
        known |= kept
        wrong += [f"guest {uuid} on {host} is an orphan" for uuid in there.keys() - known]
        wrong += [f"server {uuid} has no guest on {host}" for uuid in due.keys() - there.keys()]
        for uuid in due.keys() & there.keys():
            vm_state = due[uuid]["vm_state"]
            expected = _STATE_OF_GUEST.get(vm_state, there[uuid] if vm_state == "resized" else None)
            if not expected == there[uuid] == due[uuid]["power_state"]:
                wrong.append(
                    f"server {uuid} is {due[uuid]['vm_state']} with power state "
                    f"{due[uuid]['power_state']}, its guest says {there[uuid]}"
                )
    return wrong


def _rescue_disks(cloud: Cloud, servers: list[dict]) -> list[str]:
    """Each rescued server has a rescue disk, and no other one has."""
    there = cloud.rescue_disks()
    rescued = {s["uuid"] for s in servers if s["vm_state"] == "rescued"}
    return [
        *(f"server {uuid} is rescued without a rescue disk" for uuid in rescued - there),
        *(f"the rescue disk of {uuid} is an orphan" for uuid in there - rescued),
    ]


def _local_disks(cloud: Cloud, servers: list[dict], moves: dict[str, dict]) -> list[str]:
    """Each server that requests a local disk has it on its host, with all its data. No other host
    has one, except the source of an open migration."""
    owners = {s["uuid"]: s for s in servers if "fake:local_disk" in (s["metadata"] or "")}
    there = {host: cloud.local_disks(host) for host in cloud.computes}
    places = [(host, uuid) for host, disks in there.items() for uuid in disks]
    due = {(s["host"], s["uuid"]) for s in owners.values() if s["vm_state"] != "error"}
    kept = {(move["source_compute"], uuid) for uuid, move in moves.items()}
    known = {(s["host"], s["uuid"]) for s in owners.values()} | kept
    return [
        *(f"the disk of {uuid} on {host} is an orphan" for host, uuid in set(places) - known),
        *(
            f"server {uuid} on {host} does not have the data of its disk"
            for host, uuid in due
            if host in there and there[host].get(uuid) != f"data of {uuid}"
        ),
    ]


def _offloaded(servers: list[dict]) -> list[str]:
    """A shelved-offloaded server has no host, node and power state."""
    return [
        f"server {s['uuid']} is shelved_offloaded, and on {s['host']} ({s['power_state']})"
        for s in servers
        if s["vm_state"] == "shelved_offloaded" and (s["host"] or s["node"] or s["power_state"])
    ]


def shelved_images(servers: list[dict], images: dict[str, str]) -> list[str]:
    """Missing images of shelved servers, and orphaned ones. ``images``: id -> name of the active
    images."""
    known = {s["uuid"]: json.loads(s["system_metadata"]).get("shelved_image_id") for s in servers}
    shelved = {s["uuid"]: known[s["uuid"]] for s in servers if s["vm_state"].startswith("shelved")}
    return [
        *(
            f"server {uuid} is shelved in image {image}, which does not exist"
            for uuid, image in shelved.items()
            if image and image not in images
        ),
        *(
            f"image {image} ({name}) is an orphan: no server is shelved in it"
            for image, name in images.items()
            if name.endswith("-shelved") and image not in shelved.values()
        ),
        *(
            f"server {uuid} is not shelved, but refers to the image {image}"
            for uuid, image in known.items()
            if image and uuid not in shelved
        ),
    ]


def _orphans(cloud: Cloud) -> list[str]:
    """Records of servers that do not exist."""
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
