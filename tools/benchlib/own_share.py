"""The phase that measures how much of POST to ACTIVE is spent in the Compute service itself. The
waits for external services are in the history of the server."""

import time
from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from benchlib.compute import GONE, Compute
from benchlib.load import distribution

REQUEST = "request to "  # prefix of the event of a request, such as "neutron: GET /v2.0/ports"
OTHER_WAITS = {
    "wait_for_instance_event": "neutron, wiring the port",
    "Host.write_instance_config": "libvirt, define",
    "Guest.launch": "libvirt, create",
    "clean_shutdown": "the guest, shutting down",
    "Rbd._import": "ceph",
}
CEPH = "RBDDriver."  # prefix of the steps in which Ceph creates, clones and renames disks
Wait = tuple[str, float, float]  # service, start, end (seconds)


def own_share(compute: Compute, count: int) -> dict[str, Any]:
    """One server after the other. `waits_ms`: the mean wait of a server for each external service.
    Waits for two services at the same time count for both, but only once in `waited`."""
    whole, waited = [], []
    by_service: Counter[str] = Counter()
    for number in range(count):
        start = time.perf_counter()
        server_id = compute.create(f"own-{number}")
        compute.wait(server_id, "ACTIVE")
        whole.append(time.perf_counter() - start)
        found = list(waits(events_of(compute, server_id, "create")))
        waited.append(covered(found))
        for service, begun, over in found:
            by_service[service] += over - begun
        compute.delete(server_id)
        compute.wait(server_id, GONE)
    return {
        "post_to_active": distribution(whole),
        "waited": distribution(waited),
        "own": distribution(w - v for w, v in zip(whole, waited, strict=True)),
        "waits_ms": {n: round(1e3 * s / count, 1) for n, s in by_service.most_common()},
    }


def waits(events: Iterable[dict[str, Any]]) -> Iterable[Wait]:
    """Yield the waits for external services in the events of an action."""
    for event in events:
        name = event["event"]
        if name.startswith(REQUEST):
            service = name.removeprefix(REQUEST).partition(":")[0]
        elif name.startswith(CEPH):
            service = "ceph"
        elif name in OTHER_WAITS:
            service = OTHER_WAITS[name]
        else:
            continue
        yield service, _seconds(event["start_time"]), _seconds(event["finish_time"])


def covered(found: Iterable[Wait]) -> float:
    """Return the seconds that are covered by at least one wait."""
    total, until = 0.0, float("-inf")
    for _, begun, over in sorted(found, key=lambda wait: wait[1:]):
        total += max(0.0, over - max(begun, until))
        until = max(until, over)
    return total


def events_of(compute: Compute, server_id: str, kind: str) -> list[dict[str, Any]]:
    """Return the events of the newest action of a kind, such as `create`."""
    path = f"/servers/{server_id}/os-instance-actions"
    actions = compute.call("GET", path)["instanceActions"]
    made = next(action["request_id"] for action in actions if action["action"] == kind)
    return compute.call("GET", f"{path}/{made}")["instanceAction"]["events"]


def _seconds(stamp: str) -> float:
    return datetime.fromisoformat(stamp).timestamp()
