"""The tiers: what each needs and how it is run."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from stacklib.components.guest_image import GuestImage
from stacklib.components.venv import OpenStackVenv
from stacklib.stack import REPOSITORY, Stack

from testlib.surroundings import program

STACK = str(REPOSITORY / "tools" / "stack")
SECONDS = 3600  # after which a tier is not well, whatever it is doing


@dataclass
class Outcome:
    """What one command said, in numbers of tests."""

    name: str
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    seconds: float = 0.0

    @property
    def well(self) -> bool:
        """Nothing failed, and something was done at all."""
        return not self.failed and self.passed > 0


def unit(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Style, the rules of who may import whom, and the tests of one module at a time."""
    return [
        _check("style", [program(stack, "ruff"), "check", "nova_mini", "tests", "tools"]),
        _check("imports", [program(stack, "lint-imports"), "--no-cache"]),
        _pytest("unit", [program(stack, "pytest")], _chosen("tests/unit", arguments)),
    ]


def functional(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """The four services; the tests start a broker and a database of their own."""
    chosen = _chosen("tests/functional", arguments)
    return [_pytest("functional", [program(stack, "pytest")], chosen)]


def integration(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Real guests, in the node of a stack that is brought up for them and left up."""
    up = _check("stack up", [sys.executable, STACK, "up"])
    if not up.well:
        return [up]
    inside = [sys.executable, STACK, "exec", "--", program(stack, "pytest")]
    return [up, _pytest("integration", inside, _chosen("tests/integration", arguments))]


def nightly(stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """What needs a kernel of its own: in an emulated Debian, with the stack's Cinder and guest."""
    lent = (
        f"NOVA_MINI_CINDER={stack.venv('openstack')}",
        f"NOVA_MINI_GUEST={stack.directory / 'images'}",
    )
    for component in (OpenStackVenv(), GuestImage()):
        component.install(stack)
    pytest = ["env", *lent, program(stack, "pytest"), "-m", "nightly"]
    return [_pytest("nightly", pytest, _chosen("tests/nightly", arguments))]


@dataclass(frozen=True)
class Tier:
    """`run` gives an outcome for each of its commands; `packages` are Debian's; what is not
    `usual` is run when it is asked for."""

    run: Callable[[Stack, Sequence[str]], list[Outcome]]
    packages: tuple[str, ...] = ()
    usual: bool = True


TIERS = {
    "unit": Tier(unit),
    "functional": Tier(functional, ("rabbitmq-server", "mariadb-server", "util-linux")),
    "integration": Tier(integration, ("openssh-client", "openssh-sftp-server")),
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
    """All of a tier, unless some of it is named."""
    named = any(argument.startswith(folder) for argument in arguments)
    return [*arguments] if named else [folder, *arguments]


def _check(name: str, command: Sequence[str]) -> Outcome:
    """A command that is one test by itself."""
    status, seconds = _run(command)
    return Outcome(name, passed=int(status == 0), failed=int(status != 0), seconds=seconds)


def _pytest(name: str, command: Sequence[str], arguments: Sequence[str]) -> Outcome:
    # In the checkout's own place: a node sees that, and not the machine's /tmp.
    with tempfile.TemporaryDirectory(prefix=".test-", dir=REPOSITORY) as directory:
        report = Path(directory) / "report.xml"
        options = ["-p", "no:cacheprovider", f"--junitxml={report}"]
        status, seconds = _run([*command, *options, *arguments])
        outcome = _counted(name, report) if report.exists() else Outcome(name)
    outcome.seconds = seconds
    if status and not outcome.failed:
        outcome.failed = 1  # it died, or found nothing to run
    return outcome


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
