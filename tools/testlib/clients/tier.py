"""The run of the suites: start a fake cloud, install, run and judge each, write the table."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from stacklib import choices, files, venvs
from stacklib.errors import StackError
from stacklib.stack import REPOSITORY, Choices, Stack

from testlib.clients import results, surroundings
from testlib.clients.suites import SUITES, Suite
from testlib.commands import Commands
from testlib.outcome import Outcome

STACK = str(REPOSITORY / "tools" / "stack")
KNOWN = REPOSITORY / "tests" / "clients" / "known_failures.toml"
PAGE = REPOSITORY / "docs" / "reference" / "clients.md"
SECONDS = 2 * 3600


def clients(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Run all suites, or those that the arguments name."""
    chosen = [suite for suite in SUITES if not arguments or suite.name in arguments]
    if not chosen:
        names = ", ".join(suite.name for suite in SUITES)
        raise StackError(f"no suite is called {' or '.join(arguments)}; there are {names}")
    before = choices.recall(stack.directory / "choices.json")
    if before and before.virt_driver != "fake":
        raise StackError("the suites need fake hosts: run `tools/stack clean` first")
    up = commands.check("stack up", [sys.executable, STACK, "up", "--virt-driver", "fake"])
    if not up.well:
        return [up]
    stack.choices = choices.recall(stack.directory / "choices.json") or Choices()
    surroundings.prepare(stack)
    run = Run(commands, stack)
    outcomes = [run.suite(suite) for suite in chosen]
    run.write_page()
    return [up, *outcomes]


class Run:
    """A run in a workspace of the stack's directory, which keeps the newest result of each
    suite."""

    def __init__(self, commands: Commands, stack: Stack):
        self._commands = commands
        self._stack = stack
        self._known = results.read_known(KNOWN)
        self._workspace = files.directory(stack.directory / "clients", 0o700)

    def suite(self, suite: Suite) -> Outcome:
        """Install a suite, run it in the node, and judge it."""
        venvs.ensure(self._stack, suite.name, suite.requirements, [])
        directory = files.directory(self._workspace / suite.name, 0o700)
        surroundings.write_clouds(self._stack, directory)
        report = directory / "report.xml"
        report.unlink(missing_ok=True)
        # The tests read clouds.yaml of the directory, not the stack's.
        own = ["env", "-C", str(directory), "-u", "OS_CLIENT_CONFIG_FILE", "-u", "OS_CLOUD"]
        tests = suite.command(self._stack.venv(suite.name), report)
        within = [sys.executable, STACK, "exec", "--", *own, "PYTHONWARNINGS=ignore", *tests]
        began, date = time.monotonic(), time.strftime("%Y-%m-%d", time.gmtime())
        self._commands.check(suite.name, within, SECONDS)
        verdict = results.judge(
            suite.name,
            suite.release,
            results.read_report(report),
            self._known.get(suite.name, {}),
            date,
            _commit(),
        )
        text = json.dumps(asdict(verdict), indent=1) + "\n"
        files.write(directory / "verdict.json", text)
        return self._outcome(verdict, time.monotonic() - began)

    def _outcome(self, verdict: results.Verdict, seconds: float) -> Outcome:
        for test in verdict.failures:
            self._say(f"failed: {test}")
        for test in verdict.stale:
            self._say(f"passed, though {KNOWN.name} names it: {test}")
        if not verdict.passed:
            reason = "no test passed; the output of the suite is above"
            return Outcome(verdict.suite, failed=1, seconds=seconds, reason=reason)
        failed, skipped = len(verdict.failures), verdict.skipped + len(verdict.known)
        return Outcome(verdict.suite, verdict.passed, failed, skipped, seconds=seconds)

    def write_page(self) -> None:
        """Write the table of the newest results, into the documentation if each suite has one."""
        stored = [self._workspace / suite.name / "verdict.json" for suite in SUITES]
        kept = [path for path in stored if path.exists()]
        verdicts = [results.Verdict(**json.loads(path.read_text())) for path in kept]
        text = results.page(verdicts, self._known)
        for path in (self._workspace / PAGE.name, *([PAGE] if kept == stored else [])):
            files.write(path, text, 0o644)
            self._say(f"{path} is written")

    def _say(self, text: str) -> None:
        print(f"test: {text}", file=self._commands.output or sys.stderr)


def _commit() -> str:
    argv = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    return subprocess.run(argv, capture_output=True, text=True).stdout.strip() or "unknown"
