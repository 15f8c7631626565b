"""The command line of tools/test."""

import argparse
import sys

from stacklib.errors import StackError

from testlib import surroundings
from testlib.outcome import Outcome
from testlib.tiers import TIERS


def main(argv: list[str]) -> int:
    """Run the requested tiers. Return 0 when all tests passed."""
    tiers, pytest_arguments = _parse(argv)
    outcomes = []
    for name in tiers:
        print(f"==== {name}", flush=True)
        try:
            stack = surroundings.prepare(TIERS[name].packages)
            outcomes += TIERS[name].run(stack, pytest_arguments)
        except StackError as error:
            print(f"test: {error.reason}", file=sys.stderr)
            if error.log:
                print(f"test: see {error.log}", file=sys.stderr)
            outcomes.append(Outcome(name, failed=1, reason=error.reason))
    _print(outcomes)
    return 0 if all(outcome.well for outcome in outcomes) else 1


def _parse(argv: list[str]) -> tuple[list[str], list[str]]:
    split = argv.index("--") if "--" in argv else len(argv)
    parser = argparse.ArgumentParser(prog="test", description="Run the tests of nova_mini.")
    parser.add_argument(
        "--tier",
        default=",".join(name for name, tier in TIERS.items() if tier.usual),
        metavar="NAME,…",
        help=f"of {', '.join(TIERS)}; by default %(default)s. What follows -- is for pytest",
    )
    tiers = parser.parse_args(argv[:split]).tier.split(",")
    if unknown := [name for name in tiers if name not in TIERS]:
        parser.error(f"there is no tier {unknown[0]}; take of {', '.join(TIERS)}")
    return tiers, argv[split + 1 :]


def _print(outcomes: list[Outcome]) -> None:
    print(f"\n{'':14}{'passed':>8}{'failed':>8}{'skipped':>8}{'seconds':>9}")
    for each in outcomes:
        numbers = f"{each.passed:8}{each.failed:8}{each.skipped:8}{each.seconds:9.1f}"
        print(f"{each.name:14}{numbers}")
        if each.excuse:
            print(f"{'':14}  could not be checked: {each.excuse}")
        if each.reason:
            print(f"{'':14}  {each.reason}")
