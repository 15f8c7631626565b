"""The phases that create, change and delete servers."""

import threading
import time
from typing import Any

from benchlib.compute import GONE, Compute
from benchlib.errors import BenchError
from benchlib.load import distribution, in_parallel, timed

ACTIONS = (
    ({"os-stop": None}, "SHUTOFF"),
    ({"os-start": None}, "ACTIVE"),
    ({"reboot": {"type": "SOFT"}}, "ACTIVE"),
)
ACTION_ROUNDS = 5


def single(compute: Compute, count: int) -> dict[str, Any]:
    """One server after the other: POST to ACTIVE, then DELETE to 404."""
    post, active, gone = [], [], []
    for number in range(count):
        start = time.perf_counter()
        server_id = compute.create(f"single-{number}")
        post.append(time.perf_counter() - start)
        compute.wait(server_id, "ACTIVE")
        active.append(time.perf_counter() - start)
        gone.append(timed(_delete_and_wait, compute, server_id))
    return {
        "post": distribution(post),
        "post_to_active": distribution(active),
        "delete_to_404": distribution(gone),
    }


def actions(compute: Compute) -> dict[str, Any]:
    """Stop, start and reboot one server, five times."""
    server_id = compute.create("act")
    compute.wait(server_id, "ACTIVE")
    times: dict[str, list[float]] = {}
    for body, status in ACTIONS * ACTION_ROUNDS:
        start = time.perf_counter()
        compute.call("POST", f"/servers/{server_id}/action", body)
        compute.wait(server_id, status)
        times.setdefault(next(iter(body)), []).append(time.perf_counter() - start)
    _delete_and_wait(compute, server_id)
    return {name: distribution(values) for name, values in times.items()}


def burst(compute: Compute, count: int, concurrency: int, name: str = "burst") -> dict[str, Any]:
    """Create `count` servers, `concurrency` at a time, and measure until all are ACTIVE. They are
    not deleted."""
    before = len(compute.ids(f"-{name}", "ACTIVE"))
    posted: list[tuple[list[float], list[str]]] = []

    def post_all() -> None:
        numbers = range(count)
        posted.append(in_parallel(lambda n: compute.create(f"{name}-{n}"), numbers, concurrency))

    start = time.perf_counter()
    poster = threading.Thread(target=post_all)
    poster.start()
    poster.join()  # no polling while the requests run
    all_posted = time.perf_counter() - start
    times, errors = posted[0]
    active, failed = _wait_for_all(compute, f"-{name}", before, count - len(errors))
    total = time.perf_counter() - start
    return {
        "n": count,
        "concurrency": concurrency,
        "post": distribution(times),
        "all_posted_s": round(all_posted, 2),
        "all_active_s": round(total, 2),
        "active": active,
        "error": failed,
        "post_errors": errors[:3],
        "servers_per_s": round(active / total, 2),
        "post_per_s": round(count / all_posted, 2),
    }


def fill(compute: Compute, target: int, concurrency: int) -> dict[str, Any]:
    """Create servers until there are `target`."""
    had = len(compute.ids())
    if had >= target:
        return {"had": had}
    return {**burst(compute, target - had, concurrency, f"fill{int(time.time())}"), "had": had}


def delete(compute: Compute, concurrency: int) -> dict[str, Any]:
    """Delete all servers of the workload, and wait until none is listed."""
    ids = compute.ids()
    start = time.perf_counter()
    times, errors = in_parallel(compute.delete, ids, concurrency)
    all_called = time.perf_counter() - start
    left = _wait_until_empty(compute)
    total = time.perf_counter() - start
    return {
        "n": len(ids),
        "delete_call": distribution(times),
        "all_called_s": round(all_called, 2),
        "all_gone_s": round(total, 2),
        "servers_per_s": round((len(ids) - left) / total, 2),
        "errors": errors[:3],
        "left": left,
    }


def _delete_and_wait(compute: Compute, server_id: str) -> None:
    compute.call("DELETE", f"/servers/{server_id}")
    compute.wait(server_id, GONE)


def _wait_for_all(compute: Compute, name: str, before: int, expected: int) -> tuple[int, int]:
    """Wait until all expected servers are ACTIVE or in ERROR. Return the numbers of both."""
    deadline = time.monotonic() + compute.timeout
    failed = polls = 0
    while True:
        begun = time.perf_counter()
        active = len(compute.ids(name, "ACTIVE")) - before
        cost = time.perf_counter() - begun
        polls += 1
        if active >= expected:
            return active, failed
        if polls % 20 == 0:
            failed = len(compute.ids(name, "ERROR"))
        if active + failed >= expected or time.monotonic() > deadline:
            return active, failed
        _rest(cost)


def _wait_until_empty(compute: Compute) -> int:
    """Wait until the servers of the workload are deleted. Return how many are left after the
    timeout."""
    deadline = time.monotonic() + compute.timeout
    while True:
        begun = time.perf_counter()
        left = len(compute.ids())
        if not left or time.monotonic() > deadline:
            return left
        _rest(time.perf_counter() - begun)


def _rest(cost: float) -> None:
    """Sleep so long that polling, which took `cost` seconds, uses at most a seventh of a core."""
    time.sleep(max(0.1, 6 * cost))


def check(results: dict[str, Any]) -> None:
    """Raise BenchError when some servers of a phase did not reach their expected state."""
    wrong = {
        key: results[key] for key in ("error", "left", "post_errors", "errors") if results.get(key)
    }
    if results.get("n", 0) > results.get("active", results.get("n", 0)):
        wrong["active"] = results["active"]
    if wrong:
        raise BenchError(f"some servers did not reach the expected state: {wrong}")
