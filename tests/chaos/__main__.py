"""The command that `tools/chaos` runs inside the node of the stack."""

from __future__ import annotations

import argparse
import pathlib
import random
import sys
import time

from tests.chaos import discovery, faults, operations, plan, rounds, soak, stack_site
from tests.chaos.fleet import Fleet
from tests.chaos.operations import Operation
from tests.chaos.report import Report

_FAULTS = ("death", "message", "engine", "neighbour")


def main(argv: list[str]) -> int:
    """0 when nothing was stuck, nothing leaked, and nothing else went wrong."""
    arguments = _parse(argv)
    known = [operations.ALL[name] for name in arguments.operations or operations.ALL]
    rng = random.Random(arguments.seed)
    report = Report()
    with stack_site.running() as site:
        fleet = Fleet(site, rng, known)
        _clear(site, fleet)  # of a run that was cut off
        _tell_of_before(site)
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


def _clear(site, fleet: Fleet) -> None:
    fleet.end()
    site.clean_up()


def _tell_of_before(site) -> None:
    """What is wrong already is not this run's doing, and is not to be hidden by it."""
    wrong = site.violations()
    if wrong:
        print("before this run:", *wrong, sep="\n    ", flush=True)
    site.forgive(wrong)


def _run(site, fleet: Fleet, rng: random.Random, known: list[Operation], arguments,
         report: Report) -> bool:  # fmt: skip
    print(f"seed {arguments.seed}: finding the moments of {len(known)} operations", flush=True)
    walks = discovery.walks(site, fleet, known, arguments.moments)
    injections = _injections(site, rng, walks, arguments.faults)
    rng.shuffle(injections)
    chosen = plan.of_all_kinds(injections)[: arguments.injections]
    print(f"{len(injections)} injections are possible, {len(chosen)} are made", flush=True)
    for together in plan.rounds_of(chosen, arguments.at_once):
        begun = time.monotonic()
        fleet.keep(arguments.beside + len(together))
        # A full disk would harm every operation, and one failure is to be told from another.
        alone = isinstance(together[0].fault, faults.DiskFull)
        rows = rounds.play(site, fleet, together, 0 if alone else arguments.beside)
        report.rows += rows
        print(*rows, f"    ({time.monotonic() - begun:.0f} s)", sep="\n", flush=True)
        report.save(arguments.report)
    return True


def _injections(site, rng, walks, wanted: list[str]) -> list[rounds.Injection]:
    made = []
    if "death" in wanted:
        moments = {name: [*walk.steps, *walk.calls] for name, walk in walks.items()}
        made += plan.deaths(moments, plan.PAUSES, site.hosts)
    if "message" in wanted:
        made += plan.messages(walks)
    if "neighbour" in wanted:
        made += plan.neighbours(walks, rng, plan.OUTAGE_SECONDS)
    if "engine" in wanted:
        partitions = dict.fromkeys(site.hosts, plan.PARTITION_SECONDS)
        made += plan.surroundings(walks, rng, site.engines, partitions, has_disk=True)
    return made


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="chaos",
        description="Break the stack's cloud at every moment of every operation, and see whether "
        "it mends itself.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = commands.add_parser("run", help="one fault after the other, each judged")
    run.add_argument("--injections", type=int, metavar="N", help="so many; all by default")
    run.add_argument("--faults", type=_words, default=list(_FAULTS), metavar="NAME,…",
                     help=f"of {', '.join(_FAULTS)}")  # fmt: skip
    run.add_argument("--moments", type=pathlib.Path, metavar="PATH",
                     default=pathlib.Path("/tmp/chaos-moments.json"),
                     help="the moments of operations as an earlier run found them")  # fmt: skip
    run.add_argument("--at-once", type=int, default=1, metavar="N", help="faults in one round")
    run.add_argument("--beside", type=int, default=3, metavar="N",
                     help="operations at the same time on other servers")  # fmt: skip
    soaked = commands.add_parser("soak", help="load, with a fault every 20 seconds")
    soaked.add_argument("--minutes", type=float, default=30)
    for command in (run, soaked):
        command.add_argument("--seed", type=int, default=1, help="the same gives the same order")
        command.add_argument("--operations", type=_words, metavar="NAME,…",
                             help=f"of {', '.join(operations.ALL)}")  # fmt: skip
        command.add_argument("--report", type=pathlib.Path, metavar="PATH",
                             default=pathlib.Path("/tmp/chaos"),
                             help="PATH.txt gets the table, PATH.jsonl every run")  # fmt: skip
    arguments = parser.parse_args(argv)
    for given, known in ((arguments.operations, operations.ALL),
                         (getattr(arguments, "faults", None), _FAULTS)):  # fmt: skip
        if unknown := [name for name in given or () if name not in known]:
            parser.error(f"there is no {unknown[0]}; take of {', '.join(known)}")
    if not arguments.report.parent.is_dir():
        parser.error(f"the node sees no {arguments.report.parent}; it sees /tmp of its own, and "
                     "this checkout")  # fmt: skip
    return arguments


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
