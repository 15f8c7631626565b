"""Measure a Compute API. The workload is the same for every API, so that results can be compared.

Phases: single (POST to ACTIVE, DELETE to 404), own (POST to ACTIVE without the time of Keystone,
Glance, Neutron, libvirt and Ceph), actions (stop, start, reboot), burst (many servers at once),
show and list (reads), volumes (attach and detach), fill (up to a number of servers), delete (all
servers), idle.

With --peer DIR, another Compute service and nova_mini are started, measured and stopped, one after
the other. DIR/setup.sh installs the peer in --peer-home.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchlib import compare, connect, processes, run, side_by_side
from benchlib.errors import BenchError

DEFAULT_PHASES = "single,actions,burst,show,list,delete,fill,show,list,delete"
# What both sides of a comparison are given.
WORKLOAD = (
    "microversion",
    "flavor",
    "poll",
    "timeout",
    "burst",
    "concurrency",
    "single",
    "readers",
    "duration",
)


def main(argv: list[str]) -> int:
    """Run the benchmark; return 1 when a phase failed, 2 when it could not start."""
    arguments = _parser().parse_args(argv)
    try:
        return _side_by_side(arguments) if arguments.peer else _measure(arguments)
    except (BenchError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _measure(arguments: argparse.Namespace) -> int:
    theirs = [compare.read(path) for path in arguments.against]
    idle = processes.memory(processes.find(arguments.rundir))
    compute = connect.connect(arguments)
    available = run.phases(compute, _sizes(arguments))
    requested = arguments.phases.split(",")
    if unknown := sorted(set(requested) - set(available)):
        raise BenchError(f"unknown phase {', '.join(unknown)}; known are {', '.join(available)}")

    document: dict[str, Any] = {
        "label": arguments.label,
        "endpoint": compute.endpoint,
        "microversion": arguments.microversion,
        "network_mode": arguments.network_mode,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "memory_idle": idle,
        "results": [],
    }
    for name in requested:
        result = run.run_phase(name, available[name], arguments.rundir)
        document["results"].append(result)
        print(name, json.dumps(result), file=sys.stderr)
    document["memory_after"] = processes.memory(processes.find(arguments.rundir))
    if theirs:
        document["compared"] = compare.ratios(dict(compare.figures(document)), theirs)
        print(compare.table(document["compared"]), file=sys.stderr)
    _write(arguments.output, document)
    return 1 if any("failed" in result for result in document["results"]) else 0


def _side_by_side(arguments: argparse.Namespace) -> int:
    workload = [f"--{name.replace('_', '-')}={getattr(arguments, name)}" for name in WORKLOAD]
    home = arguments.peer_home.resolve()
    document = side_by_side.run(arguments.peer.resolve(), home, workload, arguments.fill)
    _write(arguments.output, document)
    return 0


def _sizes(arguments: argparse.Namespace) -> run.Sizes:
    return run.Sizes(**{name: getattr(arguments, name) for name in run.Sizes._fields})


def _write(output: Path | None, document: dict[str, Any]) -> None:
    text = json.dumps(document, indent=1) + "\n"
    if output:
        output.write_text(text)
    else:
        sys.stdout.write(text)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    connect.add_options(parser)
    add = parser.add_argument
    add("--phases", default=DEFAULT_PHASES)
    sizes = run.Sizes()
    add("--burst", type=int, default=sizes.burst, help="servers in the burst")
    add("--concurrency", type=int, default=sizes.concurrency, help="clients that make and delete")
    add("--single", type=int, default=sizes.single, help="servers made one by one")
    add("--readers", type=int, default=sizes.readers, help="clients that read")
    add("--duration", type=float, default=sizes.duration, help="seconds of each reading")
    add("--idle", type=float, default=sizes.idle, help="seconds of the phase idle")
    add("--volumes", type=int, default=sizes.volumes, help="times that a volume comes and goes")
    add("--fill", type=int, default=sizes.fill, help="servers after the phase fill")
    add("--rundir", type=Path, metavar="DIR", help="services are NAME.pid files there, not units")
    add("--against", type=Path, nargs="+", default=[], metavar="FILE", help="results to beat")
    add("--peer", type=Path, metavar="DIR", help="measure this one and nova_mini, and compare")
    add("--peer-home", type=Path, default="/var/lib/nova-mini-peer", metavar="DIR")
    add("--label", default="")
    add("-o", "--output", type=Path, metavar="FILE", help="where the JSON goes (default: stdout)")
    return parser
