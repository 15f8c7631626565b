"""The tiers of the tests."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from stacklib import venvs
from stacklib.components.guest_image import GuestImage
from stacklib.components.venv import OpenStackVenv
from stacklib.stack import REPOSITORY, Stack

from testlib import audit
from testlib.clients.tier import clients
from testlib.commands import Commands
from testlib.outcome import Outcome
from testlib.surroundings import program
from testlib.tempest.tier import tempest

NOVA = "nova==34.0.0"
LOCAL_DISKS = ("--local-disks", "n3,n4")
STACK = str(REPOSITORY / "tools" / "stack")


def unit(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Style, import rules, and the tests of single modules."""
    return [
        commands.check("style", [program(stack, "ruff"), "check", "nova_mini", "tests", "tools"]),
        commands.check(
            "format", [program(stack, "ruff"), "format", "--check", "nova_mini", "tests", "tools"]
        ),
        commands.check("types", [program(stack, "mypy"), "--no-incremental"]),
        commands.check("imports", [program(stack, "lint-imports"), "--no-cache"]),
        _unit(commands, stack, arguments),
    ]


def _unit(commands: Commands, stack: Stack, arguments: Sequence[str]) -> Outcome:
    in_parallel = [] if _named(arguments) else ["-n", "auto"]
    pytest = [program(stack, "pytest"), *in_parallel]
    return commands.pytest("unit", pytest, _chosen("tests/unit", arguments), repeats=True)


def functional(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """The four services. The tests start their own broker and database."""
    chosen = _chosen("tests/functional", arguments)
    lent = f"NOVA_MINI_UV={venvs.uv(stack)}"
    return [
        commands.pytest("functional", ["env", lent, program(stack, "pytest")], chosen, repeats=True)
    ]


def integration(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Real guests, in a stack with one node. The stack is started, and keeps running."""
    up = commands.check("stack up", [sys.executable, STACK, "up", "--nodes", "1"])
    if not up.well:
        return [up]
    inside = [sys.executable, STACK, "exec", "--", program(stack, "pytest")]
    return [
        up,
        commands.pytest(
            "integration", inside, _chosen("tests/integration", arguments), repeats=True
        ),
    ]


def moves(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """One test of each kind of move, with real guests on four nodes. One node keeps running."""
    return [
        *_of_nodes(
            "moves", ["--nodes", "4", *LOCAL_DISKS], commands, stack, ["-m", "moves", *arguments]
        ),
        commands.check("stack up", [sys.executable, STACK, "up", "--nodes", "1"]),
    ]


def nodes(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Several nodes, which the tests disturb from the machine. The stack keeps running."""
    several = ["--nodes", "4", "--control", "3", *LOCAL_DISKS]
    return _of_nodes("nodes", several, commands, stack, arguments)


def _of_nodes(
    name: str, several: list[str], commands: Commands, stack: Stack, arguments: Sequence[str]
) -> list[Outcome]:
    """Start the stack with several nodes, and run tests of them."""
    up = commands.check("stack up", [sys.executable, STACK, "up", *several])
    if not up.well:
        return [up]
    pytest = [program(stack, "pytest")]
    chosen = _chosen("tests/integration/nodes", arguments)
    return [up, commands.pytest(name, pytest, chosen, repeats=True)]


def conformance(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """The API, compared with what a released Nova declares of its own. Nova is installed beside."""
    venvs.ensure(stack, "nova-reference", [NOVA], [])
    reference = stack.directory / "nova-reference.json"
    python = str(stack.venv("nova-reference") / "bin" / "python")
    read = [python, str(REPOSITORY / "tests" / "conformance" / "reference.py"), str(reference)]
    made = commands.check("reference", read)
    if not made.well:
        return [made]
    lent = (f"NOVA_MINI_UV={venvs.uv(stack)}", f"NOVA_MINI_REFERENCE={reference}")
    pytest = ["env", *lent, program(stack, "pytest")]
    return [made, commands.pytest("conformance", pytest, _chosen("tests/conformance", arguments))]


def nightly(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """Long tests: a host with its own kernel, and a Debian guest in the stack's cloud. Also the
    known vulnerabilities of the dependencies, which change without a commit."""
    outcomes = []
    if _is_selected("tests/nightly", arguments):
        outcomes.append(_emulated_host(commands, stack, arguments))
    if _is_selected("tests/integration", arguments):
        outcomes += _cloud_guest(commands, stack, arguments)
    if not _named(arguments):
        outcomes += audit.audit(stack)
    return outcomes


def _emulated_host(commands: Commands, stack: Stack, arguments: Sequence[str]) -> Outcome:
    """Tests in an emulated Debian, with the stack's Cinder and guest image."""
    lent = (
        f"NOVA_MINI_CINDER={stack.venv('openstack')}",
        f"NOVA_MINI_GUEST={stack.directory / 'images'}",
    )
    for component in (OpenStackVenv(), GuestImage()):
        component.install(stack)
    pytest = ["env", *lent, program(stack, "pytest"), "-m", "nightly"]
    return commands.pytest("emulated host", pytest, _chosen("tests/nightly", arguments))


def browser(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """A guest's screen in a headless Chromium. The screenshots stay in the stack's directory."""
    up = commands.check("stack up", [sys.executable, STACK, "up"])
    if not up.well:
        return [up]
    pytest = [program(stack, "pytest"), "-m", "browser"]
    inside = [sys.executable, STACK, "exec", "--", *pytest]
    return [up, commands.pytest("browser", inside, _chosen("tests/integration/cloud", arguments))]


def _cloud_guest(commands: Commands, stack: Stack, arguments: Sequence[str]) -> list[Outcome]:
    """A Debian guest with cloud-init, in the stack's node. Its image is built outside of the node,
    where Debian's packages can be downloaded."""
    cache = stack.directory / "cloud-guest"
    build = [program(stack, "python"), "-m", "tests.nightly.cloud_guest", str(cache)]
    outcomes = [
        commands.check("cloud guest", build),
        commands.check("stack up", [sys.executable, STACK, "up"]),
    ]
    if not all(outcome.well for outcome in outcomes):
        return outcomes
    lent = f"NOVA_MINI_CLOUD_GUEST={cache}"
    pytest = ["env", lent, program(stack, "pytest"), "-m", "nightly"]
    inside = [sys.executable, STACK, "exec", "--", *pytest]
    chosen = _chosen("tests/integration/cloud", arguments)
    return [*outcomes, commands.pytest("cloud-init", inside, chosen)]


@dataclass(frozen=True)
class Tier:
    """`run` returns an outcome for each of its commands. `packages`: Debian packages. A tier that
    is not `usual` is run only when it is requested. A tier `in_background` runs beside the tiers
    that follow it: its tests wait most of the time."""

    run: Callable[[Commands, Stack, Sequence[str]], list[Outcome]]
    packages: tuple[str, ...] = ()
    usual: bool = True
    in_background: bool = False


TIERS = {
    "unit": Tier(unit),
    "functional": Tier(
        functional, ("rabbitmq-server", "mariadb-server", "util-linux"), in_background=True
    ),
    "integration": Tier(integration, ("openssh-client", "openssh-sftp-server")),
    "moves": Tier(moves),
    "nodes": Tier(nodes, usual=False),
    "browser": Tier(browser, ("chromium",), usual=False),
    "conformance": Tier(
        conformance, ("rabbitmq-server", "mariadb-server", "util-linux"), usual=False
    ),
    "clients": Tier(clients, usual=False),
    "tempest": Tier(tempest, ("openssh-client",), usual=False),
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
