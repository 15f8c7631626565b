"""Compare the results of this run with those of other runs."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchlib.errors import BenchError

LOWER_IS_BETTER = ("median_ms", "all_active_s", "all_gone_s", "pss_mb", "cpu_ms", "ready_s")
HIGHER_IS_BETTER = ("req_per_s", "servers_per_s", "post_per_s")
SIZES = ("bench_servers", "servers", "n")  # only phases with as many servers are comparable
CONTROL_PLANE = ("nova", "placement")  # what the services of Compute are called, here and there


def read(path: Path) -> dict[str, Any]:
    """Return the figures of a result file: of a run, or of memory alone (a dict by service)."""
    try:
        document = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise BenchError(f"cannot compare with {path}: {error}") from error
    if "results" in document:
        return dict(figures(document))
    services = {name: entry for name, entry in document.items() if isinstance(entry, dict)}
    return dict(_memory(services))


def figures(document: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield each comparable figure of a run as ("phase[@servers] path", value)."""
    for result in document["results"]:
        if "failed" in result:
            continue
        servers = next((result[key] for key in SIZES if key in result), None)
        phase = f"{result['phase']}@{servers}" if servers else result["phase"]
        yield from _leaves(phase, result)
        cpu = [s for name, s in result.get("cpu_s", {}).items() if name.startswith(CONTROL_PLANE)]
        operations = _operations(result)
        if cpu and operations:
            yield f"{phase} control plane, each: cpu_ms", round(1000 * sum(cpu) / operations, 1)
    yield from _memory(document.get("memory_idle", {}))
    if ready := document.get("ready_s"):
        yield "the slowest of the four services ready_s", max(ready.values())


def ratios(ours: dict[str, float], theirs: list[dict[str, float]]) -> dict[str, Any]:
    """Return name -> ours, theirs and ratio (2.0: twice as good as the best of theirs)."""
    compared = {}
    for name, value in ours.items():
        others = [figures_[name] for figures_ in theirs if name in figures_]
        if not others or not value:
            continue
        lower = name.endswith(LOWER_IS_BETTER)
        best = min(others) if lower else max(others)
        ratio = best / value if lower else value / best
        compared[name] = {"ours": value, "theirs": best, "ratio": round(ratio, 1)}
    return compared


def table(compared: dict[str, Any]) -> str:
    """Return the comparison as lines for people."""
    width = max(map(len, compared), default=4)
    lines = [f"{'figure':{width}} {'ours':>10} {'theirs':>10} {'ratio':>7}"]
    for name, row in compared.items():
        lines.append(
            f"{name:{width}} {row['ours']:10.2f} {row['theirs']:10.2f} {row['ratio']:6.1f}x"
        )
    return "\n".join(lines)


def _operations(result: dict[str, Any]) -> int:
    """Return how many operations the phase did; 0 when they were of several kinds."""
    parts = {
        name: part["n"] for name, part in result.items() if isinstance(part, dict) and "n" in part
    }
    if result["phase"] == "single":
        return parts["post"]  # a server made and deleted counts once
    if result["phase"] in ("actions", "moves", "show"):
        return sum(parts.values())
    return result.get("n", 0)


def _leaves(prefix: str, tree: dict[str, Any]) -> Iterator[tuple[str, float]]:
    for name, value in tree.items():
        if isinstance(value, dict):
            yield from _leaves(f"{prefix} {name}", value)
        elif name in LOWER_IS_BETTER or name in HIGHER_IS_BETTER:
            yield f"{prefix} {name}", value


def _memory(services: dict[str, Any]) -> Iterator[tuple[str, float]]:
    found = [entry["pss_mb"] for name, entry in services.items() if name.startswith("nova")]
    if found:
        yield "memory of the four services pss_mb", round(sum(found), 1)
