"""The phase that moves servers to other hosts: resize, confirm, revert and cold migration."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchlib import own_share
from benchlib.compute import GONE, Compute
from benchlib.load import distribution

# name: (status at the end, name in the history of the server)
STEPS = {
    "resize": ("VERIFY_RESIZE", "resize"),
    "revertResize": ("ACTIVE", "revertResize"),
    "migrate": ("VERIFY_RESIZE", "migrate"),
    "confirmResize": ("ACTIVE", "confirmResize"),
}


def moves(compute: Compute, count: int) -> dict[str, Any]:
    """One server after the other, which has a host of its own: resize and revert, migrate and
    confirm. `own`: the time of a step minus the waits for external services that are in the
    server's history."""
    whole: dict[str, list[float]] = defaultdict(list)
    own: dict[str, list[float]] = defaultdict(list)
    with _larger_flavor(compute) as larger:
        for number in range(count):
            server_id = compute.create(f"move-{number}")
            compute.wait(server_id, "ACTIVE")
            for step, (status, action) in STEPS.items():
                arguments = {"flavorRef": larger} if step == "resize" else None
                start = time.perf_counter()
                compute.call("POST", f"/servers/{server_id}/action", {step: arguments})
                compute.wait(server_id, status)
                seconds = time.perf_counter() - start
                events = own_share.events_of(compute, server_id, action)
                whole[step].append(seconds)
                own[step].append(seconds - own_share.covered(own_share.waits(events)))
            compute.delete(server_id)
            compute.wait(server_id, GONE)
    return {
        **{step: distribution(values) for step, values in whole.items()},
        "own": {step: distribution(values) for step, values in own.items()},
    }


@contextmanager
def _larger_flavor(compute: Compute) -> Iterator[str]:
    """Yield a flavor with twice the memory."""
    old = compute.call("GET", f"/flavors/{compute.flavor}")["flavor"]
    name = f"{compute.prefix}-larger-{time.time_ns()}"
    fields = {"vcpus": old["vcpus"], "disk": old["disk"], "ram": 2 * old["ram"]}
    made = compute.call("POST", "/flavors", {"flavor": {"name": name, "id": name, **fields}})
    try:
        yield made["flavor"]["id"]
    finally:
        compute.call("DELETE", f"/flavors/{name}")
