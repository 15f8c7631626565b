"""The commands of a tier, and what they come to."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree

from stacklib.stack import REPOSITORY

from testlib.outcome import Outcome

NO_TESTS_COLLECTED = 5  # an exit status of pytest
MOST_REPEATED = 5  # more failures have a cause in the code
SECONDS = 4500  # after which a command has failed, unless it may take longer


class Commands:
    """Runs commands in the checkout. ``output``: where they print; None: where this process does.

    A tier that runs beside another one has an output of its own, so that lines do not mix.
    """

    def __init__(self, output: TextIO | None = None):
        self.output = output

    def check(self, name: str, command: Sequence[str], limit: float = SECONDS) -> Outcome:
        """Run a command that counts as one test, for at most `limit` seconds."""
        status, seconds = self._run(command, limit)
        return Outcome(name, passed=int(status == 0), failed=int(status != 0), seconds=seconds)

    def pytest(
        self, name: str, command: Sequence[str], arguments: Sequence[str], repeats: bool = False
    ) -> Outcome:
        """Run pytest, and count its tests.

        ``repeats``: run a few failed tests once more, for tests that depend on the time which other
        processes need. The outcome names how many passed only then.
        """
        # In the checkout: a node has it, but not the machine's /tmp.
        with tempfile.TemporaryDirectory(prefix=".test-", dir=REPOSITORY) as directory:
            run = [*command, *arguments, "-o", f"cache_dir={directory}/cache"]
            outcome = self._pytest(name, run, Path(directory) / "report.xml")
            if repeats and 0 < outcome.failed <= MOST_REPEATED and not outcome.reason:
                self._repeat(run, outcome, Path(directory) / "second.xml")
        return outcome

    def _pytest(self, name: str, command: Sequence[str], report: Path) -> Outcome:
        status, seconds = self._run([*command, f"--junitxml={report}"])
        outcome = _counted(name, report) if report.exists() else Outcome(name)
        outcome.seconds = seconds
        if not outcome.passed and not outcome.failed:
            outcome.failed, outcome.reason = 1, _nothing_tested(status, outcome.skipped)
        elif status and not outcome.failed:
            outcome.failed = 1
            outcome.reason = f"pytest exited with {status}, though no test failed"
        return outcome

    def _repeat(self, command: Sequence[str], outcome: Outcome, report: Path) -> None:
        """Run the failed tests again, and correct the outcome."""
        print("==== the failed tests once more", file=self.output or sys.stdout, flush=True)
        second = self._pytest(outcome.name, [*command, "--last-failed"], report)
        outcome.seconds += second.seconds
        outcome.passed += second.passed
        outcome.unstable = max(outcome.failed - second.failed, 0)
        outcome.failed, outcome.reason = second.failed, second.reason

    def _run(self, command: Sequence[str], limit: float = SECONDS) -> tuple[int, float]:
        """Return the exit status and the seconds."""
        begun = time.monotonic()
        environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
        try:
            status = subprocess.run(
                command,
                cwd=REPOSITORY,
                env=environment,
                timeout=limit,
                stdout=self.output,
                stderr=subprocess.STDOUT if self.output else None,
            ).returncode
        except subprocess.TimeoutExpired:
            print(f"test: not done after {limit:.0f} s", file=self.output or sys.stderr)
            status = 124
        return status, time.monotonic() - begun


def _nothing_tested(status: int, skipped: int) -> str:
    """The outcome of a run without any result, which is a failure, with its reason."""
    if skipped:
        return f"no test ran: all {skipped} were skipped"
    if status == NO_TESTS_COLLECTED:
        return "no test ran: none matches the arguments"
    return f"no test ran: pytest exited with {status} before the first one; its error is above"


def _counted(name: str, report: Path) -> Outcome:
    outcome = Outcome(name)
    for suite in ElementTree.parse(report).getroot().iter("testsuite"):
        total, failures, errors, skipped = (
            int(suite.get(key, 0)) for key in ("tests", "failures", "errors", "skipped")
        )
        outcome.failed += failures + errors
        outcome.skipped += skipped
        outcome.passed += total - failures - errors - skipped
    return outcome
