"""Measure a Compute API: the same work for any of them, so that figures can be compared.

Phases: single (POST to ACTIVE, DELETE to 404), actions (stop, start, reboot), burst (many at
once), show and list (readers), fill (up to a number of servers), delete (all of them).
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

from benchlib import auth, compare, processes, run
from benchlib.compute import Compute
from benchlib.errors import BenchError
from benchlib.http import Connection

DEFAULT_PHASES = "single,actions,burst,show,list,delete,fill,show,list,delete"
UNLIMITED = {"instances": -1, "cores": -1, "ram": -1}


def main(argv: list[str]) -> int:
    """Run the benchmark; return 1 when a phase failed, 2 when it could not start."""
    arguments = _parser().parse_args(argv)
    try:
        return _measure(arguments)
    except (BenchError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return 2


def _measure(arguments: argparse.Namespace) -> int:
    theirs = [compare.read(path) for path in arguments.against]
    compute = _compute(arguments)
    available = run.phases(compute, _sizes(arguments))
    wanted = arguments.phases.split(",")
    if unknown := sorted(set(wanted) - set(available)):
        raise BenchError(f"no phase {', '.join(unknown)}; there are {', '.join(available)}")

    document: dict[str, Any] = {
        "label": arguments.label,
        "endpoint": compute.endpoint,
        "microversion": arguments.microversion,
        "network_mode": arguments.network_mode,
        "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "cores": os.cpu_count(),
        "load_before": os.getloadavg()[0],
        "memory_idle": processes.memory(processes.find(arguments.rundir)),
        "results": [],
    }
    for name in wanted:
        result = run.run_phase(name, available[name], arguments.rundir)
        document["results"].append(result)
        print(name, json.dumps(result), file=sys.stderr)
    document["memory_after"] = processes.memory(processes.find(arguments.rundir))
    if theirs:
        document["compared"] = compare.ratios(dict(compare.figures(document)), theirs)
        print(compare.table(document["compared"]), file=sys.stderr)
    _write(arguments.output, document)
    return 1 if any("failed" in result for result in document["results"]) else 0


def _compute(arguments: argparse.Namespace) -> Compute:
    """Return the endpoint to measure, checked: it serves us, and has the image and the flavor."""
    identity = _identity(arguments)
    endpoint = arguments.endpoint or identity.endpoints.get("compute")
    if not endpoint:
        raise BenchError("the catalog names no compute endpoint: give --endpoint URL")
    version = arguments.microversion
    headers = {
        **identity.headers,
        "Accept": "application/json",
        "OpenStack-API-Version": f"compute {version}",
        "X-OpenStack-Nova-API-Version": version,
    }
    image = arguments.image or _first_image(identity)
    network = arguments.network_mode
    compute = Compute(
        endpoint=endpoint,
        headers=headers,
        image=image,
        flavor="",
        networks=network if network in ("none", "auto") else [{"uuid": network}],
        prefix=arguments.prefix,
        poll=arguments.poll,
        timeout=arguments.timeout,
    )
    compute.flavor = _flavor(compute, arguments.flavor)
    if arguments.raise_quota:
        compute.call("PUT", f"/os-quota-sets/{identity.project_id}", {"quota_set": UNLIMITED})
    return compute


def _identity(arguments: argparse.Namespace) -> auth.Identity:
    if arguments.auth == "noauth":
        return auth.noauth()
    if arguments.openrc:
        return auth.keystone(auth.read_openrc(arguments.openrc))
    return auth.keystone(auth.from_environment())


def _first_image(identity: auth.Identity) -> str:
    """Return the id of the first active image that can boot by itself."""
    url = identity.endpoints.get("image")
    if not url:
        raise BenchError("the catalog names no image endpoint: give --image ID")
    path = "/v2/images?status=active&limit=100"
    answer = Connection(url.rstrip("/").removesuffix("/v2")).request(
        "GET", path, None, identity.headers
    )
    images = answer.json()["images"] if answer.status == 200 else []
    bootable = [i["id"] for i in images if i["disk_format"] in ("raw", "qcow2")]
    if not bootable:
        raise BenchError(f"no bootable image at {url} (status {answer.status}): give --image ID")
    return bootable[0]


def _flavor(compute: Compute, wanted: str) -> str:
    """Return the id of the flavor called `wanted` by id or name."""
    flavors = compute.call("GET", "/flavors")["flavors"]
    for flavor in flavors:
        if wanted in (flavor["id"], flavor["name"]):
            return flavor["id"]
    raise BenchError(f"no flavor {wanted}; there are {', '.join(f['name'] for f in flavors)}")


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
    add = parser.add_argument
    add("--endpoint", metavar="URL", help="Compute API (default: from the catalog)")
    add("--auth", choices=("keystone", "noauth"), default="keystone")
    add("--openrc", type=Path, metavar="FILE", help="credentials (default: the environment)")
    add("--microversion", default="2.79")
    add("--image", metavar="ID", help="default: the first bootable image of the image service")
    add("--flavor", default="m1.nano", metavar="ID|NAME")
    add("--network-mode", default="none", metavar="none|auto|ID")
    add("--raise-quota", action="store_true", help="set the project's quotas to unlimited first")
    add("--phases", default=DEFAULT_PHASES)
    sizes = run.Sizes()
    add("--burst", type=int, default=sizes.burst, help="servers in the burst")
    add("--concurrency", type=int, default=sizes.concurrency, help="clients that make and delete")
    add("--single", type=int, default=sizes.single, help="servers made one by one")
    add("--readers", type=int, default=sizes.readers, help="clients that read")
    add("--duration", type=float, default=sizes.duration, help="seconds of each reading")
    add("--fill", type=int, default=sizes.fill, help="servers after the phase fill")
    add("--poll", type=float, default=0.02, help="seconds between looks at a server")
    add("--timeout", type=float, default=600, help="seconds to wait for servers")
    add("--prefix", default="bench", help="what the names of the servers begin with")
    add("--rundir", type=Path, metavar="DIR", help="services are NAME.pid files there, not units")
    add("--against", type=Path, nargs="+", default=[], metavar="FILE", help="results to beat")
    add("--label", default="")
    add("-o", "--output", type=Path, metavar="FILE", help="where the JSON goes (default: stdout)")
    return parser
