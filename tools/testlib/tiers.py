"""The tiers of the tests."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from stacklib import venvs
from stacklib.components.guest_image import GuestImage
from stacklib.components.venv import OpenStackVenv
from stacklib.stack import REPOSITORY, Stack

from testlib import audit
from testlib.outcome import Outcome
from testlib.surroundings import program

STACK = str(REPOSITORY / "tools" / "stack")
NO_TESTS_COLLECTED = 5  # an exit status of pytest
SECONDS = 3600  # after which a tier is not well, whatever it is doing


def unit(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Style, import rules, and the tests of single modules."""
    return [
        _check("style", [program(stack, "ruff"), "check", "nova_mini", "tests", "tools"]),
        _check(
            "format", [program(stack, "ruff"), "format", "--check", "nova_mini", "tests", "tools"]
        ),
        _check("types", [program(stack, "mypy"), "--no-incremental"]),
        _check("imports", [program(stack, "lint-imports"), "--no-cache"]),
        _pytest("unit", [program(stack, "pytest")], _chosen("tests/unit", arguments)),
    ]


def functional(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """The four services. The tests start their own broker and database."""
    chosen = _chosen("tests/functional", arguments)
    lent = f"NOVA_MINI_UV={venvs.uv(stack)}"
    return [_pytest("functional", ["env", lent, program(stack, "pytest")], chosen)]


def integration(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Real guests, in a stack with one node. The stack is started, and keeps running."""
    up = _check("stack up", [sys.executable, STACK, "up", "--nodes", "1"])
    if not up.well:
        return [up]
    inside = [sys.executable, STACK, "exec", "--", program(stack, "pytest")]
    return [up, _pytest("integration", inside, _chosen("tests/integration", arguments))]


def nodes(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Several nodes, which the tests disturb from the machine. The stack keeps running."""
    up = _check("stack up", [sys.executable, STACK, "up", "--nodes", "3", "--local-disks", "n3"])
    if not up.well:
        return [up]
    return [
        up,
        _pytest("nodes", [program(stack, "pytest")], _chosen("tests/integration/nodes", arguments)),
    ]


def nightly(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Long tests: a host with its own kernel, and a Debian guest in the stack's cloud. Also the
    known vulnerabilities of the dependencies, which change without a commit."""
    outcomes = []
    if _is_selected("tests/nightly", arguments):
        outcomes.append(_emulated_host(stack, arguments))
    if _is_selected("tests/integration", arguments):
        outcomes += _cloud_guest(stack, arguments)
    if not _named(arguments):
        outcomes += audit.audit(stack)
    return outcomes


def _emulated_host(stack: Stack, arguments: Sequence[str]) -> Outcome:
    """Tests in an emulated Debian, with the stack's Cinder and guest image."""
    lent = (
        f"NOVA_MINI_CINDER={stack.venv('openstack')}",
        f"NOVA_MINI_GUEST={stack.directory / 'images'}",
    )
    for component in (OpenStackVenv(), GuestImage()):
        component.install(stack)
    pytest = ["env", *lent, program(stack, "pytest"), "-m", "nightly"]
    return _pytest("emulated host", pytest, _chosen("tests/nightly", arguments))


def _cloud_guest(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """A Debian guest with cloud-init, in the stack's node. Its image is built outside of the node,
    where Debian's packages can be downloaded."""
    cache = stack.directory / "cloud-guest"
    build = [program(stack, "python"), "-m", "tests.nightly.cloud_guest", str(cache)]
    outcomes = [_check("cloud guest", build), _check("stack up", [sys.executable, STACK, "up"])]
    if not all(outcome.well for outcome in outcomes):
        return outcomes
    lent = f"NOVA_MINI_CLOUD_GUEST={cache}"
    pytest = ["env", lent, program(stack, "pytest"), "-m", "nightly"]
    inside = [sys.executable, STACK, "exec", "--", *pytest]
    chosen = _chosen("tests/integration/cloud", arguments)
    return [*outcomes, _pytest("cloud-init", inside, chosen)]


@dataclass(frozen=True)
class Tier:
    """`run` returns an outcome for each of its commands. `packages`: Debian packages. A tier that
    is not `usual` is run only when it is requested."""

    run: Callable[[Stack, Sequence[str]], list[Outcome]]
    packages: tuple[str, ...] = ()
    usual: bool = True


TIERS = {
    "unit": Tier(unit),
    "functional": Tier(functional, ("rabbitmq-server", "mariadb-server", "util-linux")),
    "integration": Tier(integration, ("openssh-client", "openssh-sftp-server")),
    "nodes": Tier(nodes, usual=False),
    "nightly": Tier(
        nightly,
        (
            *("mmdebstrap", "qemu-system-x86", "e2fsprogs"),
            *OpenStackVenv.packages,
            *GuestImage.packages,
        ),
        usual=False,
    ),
}


def _chosen(folder: str, arguments: Sequence[str]) -> list[str]:
    """The paths for pytest: the folder of the tier, unless the arguments name tests."""
    named = any(argument.startswith(folder) for argument in arguments)
    return [*arguments] if named else [folder, *arguments]


def _is_selected(folder: str, arguments: Sequence[str]) -> bool:
    """Whether tests of a folder are requested: the arguments name no tests, or tests in it."""
    named = _named(arguments)
    return not named or any(argument.startswith(folder) for argument in named)


def _named(arguments: Sequence[str]) -> list[str]:
    """The tests that the arguments name."""
    return [argument for argument in arguments if argument.startswith("tests/")]


def _check(name: str, command: Sequence[str]) -> Outcome:
    """Run a command that counts as one test."""
    status, seconds = _run(command)
    return Outcome(name, passed=int(status == 0), failed=int(status != 0), seconds=seconds)


def _pytest(name: str, command: Sequence[str], arguments: Sequence[str]) -> Outcome:
    # In the checkout: a node has it, but not the machine's /tmp.
    with tempfile.TemporaryDirectory(prefix=".test-", dir=REPOSITORY) as directory:
        report = Path(directory) / "report.xml"
        options = ["-p", "no:cacheprovider", f"--junitxml={report}"]
        status, seconds = _run([*command, *options, *arguments])
        outcome = _counted(name, report) if report.exists() else Outcome(name)
    outcome.seconds = seconds
    if not outcome.passed and not outcome.failed:
        outcome.failed, outcome.reason = 1, _nothing_tested(status, outcome.skipped)
    elif status and not outcome.failed:
        outcome.failed, outcome.reason = 1, f"pytest exited with {status}, though no test failed"
    return outcome


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


def _run(command: Sequence[str]) -> tuple[int, float]:
    begun = time.monotonic()
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        status = subprocess.run(
            command, cwd=REPOSITORY, env=environment, timeout=SECONDS
        ).returncode
    except subprocess.TimeoutExpired:
        print(f"test: not done after {SECONDS} s", file=sys.stderr)
        status = 124
    return status, time.monotonic() - begun
