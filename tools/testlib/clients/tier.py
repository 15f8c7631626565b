"""The run of the suites: start a fake cloud, install, run and judge each, write the table."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from stacklib import choices, files, packages, venvs
from stacklib.errors import StackError
from stacklib.stack import REPOSITORY, Choices, Stack

from testlib.clients import results, surroundings
from testlib.clients.place import Place
from testlib.clients.suites import SUITES, Suite
from testlib.commands import Commands
from testlib.outcome import Outcome

STACK = str(REPOSITORY / "tools" / "stack")
KNOWN = REPOSITORY / "tests" / "clients" / "known_failures.toml"
PAGE = REPOSITORY / "docs" / "reference" / "clients.md"
VERDICT = "verdict.json"
CLOUD = ("--virt-driver", "fake", "--computes", "2")  # two hosts: servers can move
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
    needed = [package for suite in chosen for package in suite.packages]
    packages.install(needed, stack.log("packages"))  # before the node has the machine's files
    up = commands.check("stack up", [sys.executable, STACK, "up", *CLOUD])
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
        place = Place(self._stack, suite.name, files.directory(self._home(suite), 0o700))
        surroundings.write_clouds(self._stack, place.directory)
        began, date = time.monotonic(), time.strftime("%Y-%m-%d", time.gmtime())
        ended_well = [self._within_node(suite, command) for command in suite.commands(place)]
        verdict = results.judge(
            suite.name,
            suite.release,
            results.with_command(suite.results(place), all(ended_well)),
            self._known.get(suite.name, {}),
            date,
            _commit(),
        )
        text = json.dumps(asdict(verdict), indent=1) + "\n"
        files.write(place.directory / VERDICT, text)
        return self._outcome(verdict, time.monotonic() - began)

    def _within_node(self, suite: Suite, command: Sequence[str]) -> bool:
        within = [sys.executable, STACK, "exec", "--", *command]
        return self._commands.check(suite.name, within, SECONDS).well

    def _home(self, suite: Suite) -> Path:
        return self._workspace / suite.name

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
        stored = [self._home(suite) / VERDICT for suite in SUITES]
        kept = [path for path in stored if path.exists()]
        verdicts = [results.Verdict(**json.loads(path.read_text())) for path in kept]
        about = {suite.name: suite.about for suite in SUITES}
        text = results.page(verdicts, about, self._known)
        for path in (self._workspace / PAGE.name, *([PAGE] if kept == stored else [])):
            files.write(path, text, 0o644)
            self._say(f"{path} is written")

    def _say(self, text: str) -> None:
        print(f"test: {text}", file=self._commands.output or sys.stderr)


def _commit() -> str:
    argv = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    return subprocess.run(argv, capture_output=True, text=True).stdout.strip() or "unknown"
