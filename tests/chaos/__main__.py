"""The command that `tools/chaos` runs: inside the node of the stack; with `--nodes` on the machine,
in the network of the control node."""

from __future__ import annotations

import argparse
import contextlib
import pathlib
import random
import sys
import time

from tests.chaos import discovery, nodes_site, operations, plan, rounds, soak, stack_site
from tests.chaos.fleet import Fleet
from tests.chaos.operations import Operation
from tests.chaos.report import Report

_FAULTS = ("death", "message", "engine", "service", "node")


def main(argv: list[str]) -> int:
    """Return 0 when nothing was stuck, leaked or otherwise wrong."""
    arguments = _parse(argv)
    named = [operations.ALL[name] for name in arguments.operations or operations.ALL]
    rng = random.Random(arguments.seed)
    report = Report()
    with _site(getattr(arguments, "nodes", None)) as site:
        known = [each for each in named if each.is_of(site)]
        fleet = Fleet(site, rng, known)
        _clear(site, fleet)  # after a run that was interrupted
        _report_existing_violations(site)
        try:
            if arguments.command == "soak":
                well = soak.run(site, fleet, rng, arguments.minutes, report)
            else:
                well = _run(site, fleet, rng, known, arguments, report)
        finally:
            report.save(arguments.report)
            print("\n".join(report.table()), flush=True)
            _clear(site, fleet)
    return 0 if well and not report.bad else 1


def _site(pair: list[str] | None) -> contextlib.AbstractContextManager:
    return nodes_site.running(pair) if pair else stack_site.running()


def _clear(site, fleet: Fleet) -> None:
    fleet.end()
    site.clean_up()


def _report_existing_violations(site) -> None:
    """Print what is wrong before the run, and ignore it afterwards."""
    wrong = site.violations()
    if wrong:
        print("before this run:", *wrong, sep="\n    ", flush=True)
    site.forgive(wrong)


def _run(
    site, fleet: Fleet, rng: random.Random, known: list[Operation], arguments, report: Report
) -> bool:
    print(f"seed {arguments.seed}: finding the points of {len(known)} operations", flush=True)
    walks = discovery.walks(site, fleet, known, arguments.points)
    injections = _injections(site, rng, walks, arguments.faults)
    rng.shuffle(injections)
    chosen = plan.of_all_kinds(injections)[: arguments.injections]
    print(f"{len(injections)} injections are possible, {len(chosen)} are made", flush=True)
    for together in plan.rounds_of(chosen, arguments.at_once):
        begun = time.monotonic()
        quiet = any(each.needs_quiet for each in together)
        fleet.keep(0 if quiet else arguments.beside + len(together))
        rows = rounds.play(site, fleet, together, arguments.beside)
        report.rows += rows
        print(*rows, f"    ({time.monotonic() - begun:.0f} s)", sep="\n", flush=True)
        report.save(arguments.report)
    return True


def _injections(site, rng, walks, kinds: list[str]) -> list[rounds.Injection]:
    made = []
    if "death" in kinds:
        points = {name: [*walk.steps, *walk.calls] for name, walk in walks.items()}
        made += plan.deaths(points, plan.PAUSES, site.hosts)
    if "message" in kinds:
        made += plan.messages(walks)
    if "service" in kinds:
        made += plan.external_services(walks, rng, plan.OUTAGE_SECONDS)
    if "engine" in kinds:
        partitions = dict.fromkeys(site.hosts, plan.PARTITION_SECONDS)
        has_disk = len(site.hosts) == 1
        made += plan.surroundings(walks, rng, site.engines, partitions, has_disk)
    if "node" in kinds and len(site.hosts) > 1:
        made += plan.nodes(walks, rng, site.hosts, site.victims)
    return made


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="chaos",
        description="Inject faults into the stack's cloud at every point of every operation, and "
        "check that it recovers.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="inject one fault after the other, and judge each")
    run.add_argument("--injections", type=int, metavar="N", help="how many (default: all)")
    run.add_argument(
        "--faults",
        type=_words,
        default=list(_FAULTS),
        metavar="NAME,…",
        help=f"of {', '.join(_FAULTS)}",
    )
    run.add_argument(
        "--points",
        type=pathlib.Path,
        metavar="PATH",
        default=pathlib.Path("/tmp/chaos-points.json"),
        help="file with the injection points that an earlier run has found",
    )
    run.add_argument(
        "--nodes",
        type=_words,
        metavar="NAME,NAME",
        help="move servers between these nodes of a stack of several, and let them fail",
    )
    run.add_argument("--at-once", type=int, default=1, metavar="N", help="faults in one round")
    run.add_argument(
        "--beside",
        type=int,
        default=3,
        metavar="N",
        help="concurrent operations on other servers",
    )
    soaked = commands.add_parser("soak", help="load, with a fault every 20 seconds")
    soaked.add_argument("--minutes", type=float, default=30)
    for command in (run, soaked):
        command.add_argument("--seed", type=int, default=1, help="repeats the order of a run")
        command.add_argument(
            "--operations", type=_words, metavar="NAME,…", help=f"of {', '.join(operations.ALL)}"
        )
        command.add_argument(
            "--report",
            type=pathlib.Path,
            metavar="PATH",
            default=pathlib.Path("/tmp/chaos"),
            help="the table is written to PATH.txt, every run to PATH.jsonl",
        )
    arguments = parser.parse_args(argv)
    for given, known in (
        (arguments.operations, operations.ALL),
        (getattr(arguments, "faults", None), _FAULTS),
    ):
        if unknown := [name for name in given or () if name not in known]:
            parser.error(f"unknown: {unknown[0]}; choose from {', '.join(known)}")
    if (pair := getattr(arguments, "nodes", None)) and len(set(pair)) != 2:
        parser.error("--nodes: name two nodes, with or without shared storage")
    if not arguments.report.parent.is_dir():
        parser.error(
            f"{arguments.report.parent} does not exist in the node, which has its own /tmp, and "
            "this checkout"
        )
    return arguments


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
