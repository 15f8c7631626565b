"""The run of Tempest in the stack's node: install, configure, run, judge, write the table."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Sequence

from stacklib import choices, command, files, venvs
from stacklib.errors import StackError
from stacklib.stack import REPOSITORY, Choices, Stack

from testlib.commands import Commands
from testlib.outcome import Outcome
from testlib.tempest import configuration, results

RELEASE = "47.0.0"
VENV = "tempest"
STACK = str(REPOSITORY / "tools" / "stack")
SKIPS = REPOSITORY / "tests" / "tempest" / "skips.toml"
PAGE = REPOSITORY / "docs" / "reference" / "tempest.md"
READER = REPOSITORY / "tools" / "testlib" / "tempest" / "read_run.py"

# All tests of the Compute API, and the scenarios in which a server takes part.
ALL = r"^tempest\.api\.compute\.|^tempest\.scenario\..*[\[,]compute[\],]"
NODES = 2
WORKERS = 2
SECONDS = 6 * 3600  # emulated guests boot slowly


def tempest(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Run all tests, or those that match the regular expression in `arguments`."""
    up = commands.check("stack up", [sys.executable, STACK, "up", *_nodes(stack)])
    if not up.well:
        return [up]
    stack.choices = choices.recall(stack.directory / "choices.json") or Choices()
    run = Run(commands, stack)
    run.prepare()
    return [up, run.tests(arguments[0] if arguments else ALL)]


def _nodes(stack: Stack) -> list[str]:
    """The arguments for `stack up`: two nodes, unless there are more already."""
    known = choices.recall(stack.directory / "choices.json")
    if known and known.virt_driver == "fake":
        raise StackError("Tempest needs real guests: run `tools/stack clean` first")
    return ["--nodes", str(max(NODES, known.nodes if known else 0))]


class Run:
    """A run in a workspace of the stack's directory, which keeps the results of all runs."""

    def __init__(self, commands: Commands, stack: Stack):
        self._commands = commands
        self._stack = stack
        self.workspace = files.directory(stack.directory / "tempest")

    def prepare(self) -> None:
        """Install Tempest, and write its configuration."""
        venvs.ensure(self._stack, VENV, [f"tempest=={RELEASE}"], [])
        configuration.write(self._stack, self.workspace)
        (package,) = self._stack.venv(VENV).glob("lib/python*/site-packages/tempest")
        stestr = {"test_path": package / "test_discover", "top_dir": package.parent}
        # Tests of a class share what the class has made: they run in one worker.
        stestr["group_regex"] = r"([^\.]*\.)*"
        files.write(self.workspace / ".stestr.conf", files.ini({"DEFAULT": stestr}))
        if not (self.workspace / ".stestr").exists():
            command.output([*self._within(), self._program("stestr"), "init"])

    def tests(self, regex: str) -> Outcome:
        """Run the tests that match, and judge the results."""
        selected = self._list(regex)
        if not selected:
            return Outcome(VENV, failed=1, reason="no test ran: none matches the arguments")
        began, date = time.monotonic(), time.strftime("%Y-%m-%d", time.gmtime())
        options = ["--concurrency", str(WORKERS), "--regex", regex]
        self._commands.check(VENV, self._tempest(*options), SECONDS)
        found = results.complete(self._newest(), selected, date, _commit())
        outcome = self._judge(found)
        outcome.seconds = time.monotonic() - began
        kept = results.keep(self.workspace / "results.json", found)
        self._write_page(kept, self._list(ALL))
        return outcome

    def _judge(self, found: Sequence[results.Result]) -> Outcome:
        verdict = results.judge(found, results.read_skips(SKIPS))
        for each in verdict.failures:
            self._say(f"failed: {each.test}")
        for each in verdict.unexplained:
            self._say(f"skipped without a reason in {SKIPS.name}: {each.test}: {each.reason}")
        for name in verdict.stale:
            self._say(f"passed, though {SKIPS.name} names it: {name}")
        failed = len(verdict.failures) + len(verdict.unexplained)
        skipped = verdict.skipped - len(verdict.unexplained)
        return Outcome(VENV, verdict.passed, failed, skipped)

    def _say(self, text: str) -> None:
        print(f"test: {text}", file=self._commands.output or sys.stderr)

    def _write_page(self, kept: list[results.Result], listed: list[str]) -> None:
        """Write the table into the workspace, and into the documentation if no test is missing."""
        chosen = self._stack.choices
        storage = "disks and volumes in Ceph" if self._stack.has("ceph") else "disks in files"
        cloud = f"{chosen.nodes} nodes, guests of libvirt, {storage}"
        text = results.page(kept, listed, results.read_skips(SKIPS), RELEASE, cloud)
        is_whole = {each.test for each in kept} >= set(listed)
        for path in (self.workspace / PAGE.name, *([PAGE] if is_whole else [])):
            files.write(path, text, 0o644)
            self._say(f"{path} is written")

    def _list(self, regex: str) -> list[str]:
        listed = command.output(self._tempest("--list-tests", "--regex", regex), timeout=300)
        return [
            results.name_of(line) for line in listed.splitlines() if line.startswith("tempest.")
        ]

    def _newest(self) -> list[dict]:
        """The rows of the last run."""
        rows = self.workspace / "rows.json"
        argv = [self._program("python"), str(READER), str(self.workspace), str(rows)]
        command.output(argv, timeout=300)
        return json.loads(rows.read_text())

    def _tempest(self, *arguments: str) -> list[str]:
        conf = str(self.workspace / "tempest.conf")
        run = [self._program("tempest"), "run", "--config-file", conf]
        return [sys.executable, STACK, "exec", "--", *self._within(), *run, *arguments]

    def _within(self) -> list[str]:
        return ["env", "-C", str(self.workspace), "PYTHONWARNINGS=ignore"]

    def _program(self, name: str) -> str:
        return str(self._stack.venv(VENV) / "bin" / name)


def _commit() -> str:
    argv = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty"]
    return subprocess.run(argv, capture_output=True, text=True).stdout.strip() or "unknown"
