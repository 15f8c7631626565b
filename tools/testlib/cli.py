"""The command line of tools/test."""

import argparse
import contextlib
import shutil
import sys
import tempfile
import threading
from typing import TextIO

from stacklib.errors import StackError

from testlib import surroundings
from testlib.commands import Commands
from testlib.outcome import Outcome
from testlib.tiers import TIERS


def main(argv: list[str]) -> int:
    """Run the requested tiers. Return 0 when all tests passed."""
    tiers, pytest_arguments = _parse(argv)
    with contextlib.ExitStack() as files:
        outcomes = []
        background = []
        for position, name in enumerate(tiers, start=1):
            if TIERS[name].in_background and position < len(tiers):
                print(f"==== {name}: in the background; its output follows at the end", flush=True)
                output = files.enter_context(tempfile.TemporaryFile("w+"))
                background.append(_Background(name, output, pytest_arguments))
            else:
                print(f"==== {name}", flush=True)
                outcomes += _run(name, Commands(), pytest_arguments)
        for tier in background:
            outcomes += tier.end()
    _print(outcomes)
    return 0 if all(outcome.well for outcome in outcomes) else 1


def _run(name: str, commands: Commands, pytest_arguments: list[str]) -> list[Outcome]:
    output = commands.output or sys.stderr
    try:
        stack = surroundings.prepare(TIERS[name].packages)
        return TIERS[name].run(commands, stack, pytest_arguments)
    except StackError as error:
        print(f"test: {error.reason}", file=output)
        if error.log:
            print(f"test: see {error.log}", file=output)
        return [Outcome(name, failed=1, reason=error.reason)]


class _Background:
    """A tier that runs beside the ones in front, and prints into ``output``."""

    def __init__(self, name: str, output: TextIO, pytest_arguments: list[str]):
        # Two installations at a time would collide. _run tells of an error here.
        with contextlib.suppress(StackError):
            surroundings.prepare(TIERS[name].packages)
        self._name = name
        self._output = output
        self._outcomes: list[Outcome] = []
        self._thread = threading.Thread(target=self._run, args=[pytest_arguments], daemon=True)
        self._thread.start()

    def _run(self, pytest_arguments: list[str]) -> None:
        self._outcomes = _run(self._name, Commands(self._output), pytest_arguments)

    def end(self) -> list[Outcome]:
        """Wait for the tier, and print what it printed."""
        self._thread.join()
        print(f"==== {self._name}", flush=True)
        self._output.seek(0)
        shutil.copyfileobj(self._output, sys.stdout)
        sys.stdout.flush()
        return self._outcomes or [Outcome(self._name, failed=1, reason="it ended with an error")]


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
        if each.unstable:
            print(f"{'':14}  passed only in a second run: {each.unstable}, see above")
        if each.excuse:
            print(f"{'':14}  could not be checked: {each.excuse}")
        if each.reason:
            print(f"{'':14}  {each.reason}")
