"""Generate load, and measure the times of the calls."""

import multiprocessing
import queue
import statistics
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from typing import Any

from benchlib.compute import Compute
from benchlib.errors import BenchError
from benchlib.http import Connection


def distribution(seconds: Iterable[float]) -> dict[str, Any]:
    """Return count, median, 95th percentile, minimum and maximum of times, in milliseconds."""
    values = sorted(1e3 * second for second in seconds)
    if not values:
        return {"n": 0}
    return {
        "n": len(values),
        "median_ms": round(statistics.median(values), 2),
        "p95_ms": round(values[min(len(values) - 1, int(0.95 * len(values)))], 2),
        "min_ms": round(values[0], 2),
        "max_ms": round(values[-1], 2),
    }


def timed(function: Callable[..., Any], *arguments: Any) -> float:
    """Return how many seconds a call takes."""
    start = time.perf_counter()
    function(*arguments)
    return time.perf_counter() - start


def in_parallel(
    function: Callable[[Any], Any], items: Iterable[Any], concurrency: int
) -> tuple[list[float], list[str]]:
    """Call `function` on each item, `concurrency` at a time; return the times and the errors."""
    waiting: queue.SimpleQueue = queue.SimpleQueue()
    for item in items:
        waiting.put(item)
    times: list[float] = []
    errors: list[str] = []

    def work() -> None:
        while True:
            try:
                item = waiting.get_nowait()
            except queue.Empty:
                return
            try:
                times.append(timed(function, item))
            except BenchError as error:
                errors.append(str(error))

    workers = [threading.Thread(target=work) for _ in range(concurrency)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return times, errors


def read_rate(
    compute: Compute, paths: list[str], concurrency: int, duration: float
) -> dict[str, Any]:
    """GET `paths` in turn for `duration` seconds in `concurrency` processes."""
    fork = multiprocessing.get_context("fork")
    with ProcessPoolExecutor(concurrency, mp_context=fork) as pool:
        readers = [
            pool.submit(_read, compute.endpoint, compute.headers, paths, duration, 7 * number)
            for number in range(concurrency)
        ]
        found = [reader.result() for reader in readers]
    return {
        **distribution(second for times, *_ in found for second in times),
        "req_per_s": round(sum(len(times) / took for times, took, *_ in found), 1),
        "bytes": found[0][2],
        "non200": sum(bad for *_, bad in found),
        "concurrency": concurrency,
    }


def _read(
    endpoint: str, headers: dict[str, str], paths: list[str], duration: float, offset: int
) -> tuple[list[float], float, int, int]:
    """Read for `duration` seconds. Return the times, the duration, the last size, and the number of
    responses other than 200."""
    connection = Connection(endpoint)
    times: list[float] = []
    size = bad = 0
    start = time.perf_counter()
    while (begun := time.perf_counter()) - start < duration:
        path = paths[(offset + len(times)) % len(paths)]
        response = connection.request("GET", path, None, headers)
        times.append(time.perf_counter() - begun)
        size = len(response.body)
        bad += response.status != 200
    return times, time.perf_counter() - start, size, bad
