"""The command line of tools/stack."""

import argparse
import os
import sys

from stacklib import choices, commands, host
from stacklib.errors import StackError
from stacklib.stack import Choices, Stack

PASS_ON = ("exec", "openstack")
DRIVERS = ("libvirt", "fake")


def main(argv: list[str]) -> int:
    """Run one command; return its exit status."""
    arguments = _parse(argv)
    try:
        host.require_root()
        stack = Stack(Choices())
        host.require(stack.directory)
        if arguments.command == "up":
            return commands.up(stack, _choices(arguments))
        stack.choices = choices.recall(stack.directory / "choices.json") or Choices()
        return arguments.run(stack, arguments)
    except StackError as error:
        print(f"stack: {error.reason}", file=sys.stderr)
        if error.log:
            print(f"stack: see {error.log}", file=sys.stderr)
        return 1
    except BrokenPipeError:  # `stack logs | head` is no failure
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _parse(argv: list[str]) -> argparse.Namespace:
    """Parse the line. What follows `exec` and `openstack` belongs to them, dashes and all."""
    if argv and argv[0] in PASS_ON and argv[1:] not in (["-h"], ["--help"]):
        arguments = _parser().parse_args(argv[:1])
        arguments.argv = argv[1:]
        return arguments
    return _parser().parse_args(argv)


def _choices(arguments: argparse.Namespace) -> Choices:
    names = _words(arguments.only) or (arguments.profile,)
    return choices.choose(
        names,
        _words(arguments.without),
        virt_driver=arguments.virt_driver,
        computes=arguments.computes,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stack",
        description="A whole nova_mini cloud with real neighbours, inside a node of this machine.",
        epilog="NOVA_MINI_STACK names the stack (default nova-mini), so that one machine can have "
        "several; NOVA_MINI_STACK_DIR says where it lies (default /var/lib/NAME-stack).",
    )
    commands_ = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands_.add_parser("up", help="install, configure, start and check everything")
    up.add_argument("--profile", choices=tuple(choices.PROFILES), default="full")
    up.add_argument("--only", default="", metavar="NAME,…", help="these, and what they need")
    up.add_argument("--without", default="", metavar="NAME,…", help="leave these out")
    up.add_argument("--virt-driver", choices=DRIVERS, default="libvirt")
    up.add_argument("--computes", type=_count, default=1, metavar="N", help="fake computes")

    def add(name: str, run, text: str) -> argparse.ArgumentParser:
        sub = commands_.add_parser(name, help=text)
        sub.set_defaults(run=run)
        return sub

    status = add("status", commands.status, "health, pid, memory and age of every component")
    status.add_argument("--json", action="store_true")
    logs = add("logs", commands.logs, "what components print")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("-n", "--lines", type=int, default=40, help="of each log, from its end")
    logs.add_argument("component", nargs="*")
    run = add("exec", commands.execute, "run a command inside the node, with the cloud's login")
    run.add_argument("argv", nargs="*", metavar="COMMAND …")
    client = add("openstack", commands.openstack, "run the openstack client inside the node")
    client.add_argument("argv", nargs="*", metavar="…")
    add("shell", commands.shell, "a shell inside the node")
    add("demo", commands.demonstrate, "up, then the life of one guest in it")
    add("down", commands.down, "stop everything; what is stored stays")
    clean = add("clean", commands.clean, "stop everything and remove all but the packages")
    clean.add_argument("--keep-venvs", action="store_true", help="keep what came from PyPI")
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("at least 1")
    return number
