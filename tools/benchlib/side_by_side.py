"""Measure the peer and nova_mini on this machine, one after the other, and compare."""

import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchlib import children, compare, processes
from benchlib.errors import BenchError
from benchlib.sides import Peer, Stack


def run(source: Path, home: Path, workload: Sequence[str], servers: int) -> dict[str, Any]:
    """Return the results of both sides and their ratios; `workload` are options of tools/bench.

    Raises BenchError when a side does not start, a phase fails, or a stack is running already.
    """
    if os.geteuid() != 0:
        raise BenchError("run it as root: the peer is started in its own namespaces")
    children.stop_on_term()
    sides = {"peer": Peer(source, home), "nova_mini": Stack("bench")}
    for side in sides.values():
        side.prepare()
    document: dict[str, Any] = {}
    for name, side in sides.items():
        _check_quiet()
        print(f"bench: {name}, load {os.getloadavg()[0]:.1f}", file=sys.stderr)
        with tempfile.TemporaryDirectory(prefix="bench-") as results:
            document[name] = side.measure(workload, servers, Path(results))
    ours, theirs = (dict(compare.figures(document[name])) for name in ("nova_mini", "peer"))
    document["compared"] = compare.ratios(ours, [theirs])
    print(compare.table(document["compared"]), file=sys.stderr)
    return document


def _check_quiet() -> None:
    if running := processes.find(None):
        raise BenchError(f"stop {', '.join(sorted(running))} first: each side is measured alone")
