"""The phases that only read the existing servers."""

from typing import Any

from benchlib.compute import Compute
from benchlib.errors import BenchError
from benchlib.load import distribution, read_rate, timed

LIST_CALLS = 10


def show(compute: Compute, concurrency: int, duration: float) -> dict[str, Any]:
    """GET each server in turn, with one client and with several."""
    ids = compute.ids()
    if not ids:
        raise BenchError("there are no servers to show: run the phase burst or fill first")
    paths = [f"/servers/{server_id}" for server_id in ids]
    return {
        "servers": len(ids),
        "c1": read_rate(compute, paths, 1, duration),
        f"c{concurrency}": read_rate(compute, paths, concurrency, duration),
    }


def list_servers(compute: Compute, concurrency: int, duration: float) -> dict[str, Any]:
    """GET lists of servers, long and short, and of flavors."""
    several = f"c{concurrency}"

    def rate(path: str, clients: int) -> dict[str, Any]:
        return read_rate(compute, [path], clients, duration)

    present = len(compute.ids())
    latencies = [timed(compute.call, "GET", "/servers/detail") for _ in range(LIST_CALLS)]
    return {
        "bench_servers": present,
        "returned": len(compute.call("GET", "/servers/detail")["servers"]),
        "c1": distribution(latencies),
        several: rate("/servers/detail", concurrency),
        f"limit20_{several}": rate("/servers/detail?limit=20", concurrency),
        "short_c1": rate("/servers", 1),
        f"flavors_detail_{several}": rate("/flavors/detail", concurrency),
    }
