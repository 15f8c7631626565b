"""The command line of tools/stack."""

import argparse
import os
import sys

from stacklib import choices, commands, fabric, host, nodes
from stacklib.components import OPTIONAL
from stacklib.errors import StackError
from stacklib.fabric import CONTROL
from stacklib.stack import Choices, Stack

PASS_ON = ("exec", "openstack")
DRIVERS = ("libvirt", "fake")


def main(argv: list[str]) -> int:
    """Run one command; return its exit status."""
    arguments = _parse(argv)
    sys.stdout.reconfigure(line_buffering=True)  # for readers of a pipe or a log
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
    except BrokenPipeError:  # `stack logs | head` is not an error
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:
        return 130


def _parse(argv: list[str]) -> argparse.Namespace:
    """Parse the command line. All words after `exec` (and its node) and `openstack` are arguments
    of these."""
    if argv and argv[0] in PASS_ON and argv[1:] not in (["-h"], ["--help"]):
        own = 3 if argv[:2] == ["exec", "--node"] else 1
        arguments = _parser().parse_args(argv[:own])
        arguments.argv = argv[own:]
        return arguments
    return _parser().parse_args(argv)


def _choices(arguments: argparse.Namespace) -> Choices:
    names = (_words(arguments.only) or (arguments.profile,)) + _words(arguments.more)
    return choices.choose(
        names,
        _words(arguments.without),
        virt_driver=arguments.virt_driver,
        computes=arguments.computes,
        nodes=arguments.nodes,
        control=arguments.control,
        local_disks=_words(arguments.local_disks),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stack",
        description="A complete nova_mini cloud with real external services, in nodes on this "
        "machine.",
        epilog="NOVA_MINI_STACK is the name of the stack (default: nova-mini), so that a machine "
        "can have several. NOVA_MINI_STACK_DIR is its directory (default: /var/lib/NAME-stack).",
    )
    commands_ = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    up = commands_.add_parser("up", help="install, configure, start and check everything")
    up.add_argument("--profile", choices=tuple(choices.PROFILES), default="full")
    up.add_argument("--only", default="", metavar="NAME,…", help="these and what they need")
    up.add_argument(
        "--with",
        dest="more",
        default="",
        metavar="NAME,…",
        help=f"with these, too: {', '.join(OPTIONAL)}",
    )
    up.add_argument("--without", default="", metavar="NAME,…", help="without these components")
    up.add_argument("--virt-driver", choices=DRIVERS, default="libvirt")
    up.add_argument("--computes", type=_count, default=1, metavar="N", help="fake computes")
    up.add_argument(
        "--nodes", type=_count_nodes, default=0, metavar="N", help="how many nodes (at first 1)"
    )
    up.add_argument(
        "--control",
        type=int,
        choices=range(1, fabric.MOST_CONTROL + 1),
        default=0,
        metavar="N",
        help="how many of them run api, conductor and scheduler (at first 1); 3 have a broker each",
    )
    up.add_argument(
        "--local-disks",
        default="",
        metavar="NODE,…",
        help="nodes whose servers have their disks in files of the node, not in Ceph",
    )

    def add(name: str, run, text: str) -> argparse.ArgumentParser:
        sub = commands_.add_parser(name, help=text)
        sub.set_defaults(run=run)
        return sub

    status = add("status", commands.status, "health, pid, memory and age of every component")
    status.add_argument("--json", action="store_true")
    status.add_argument("--node", metavar="NAME", help="only of this node")
    logs = add("logs", commands.logs, "show the logs of components")
    logs.add_argument("-f", "--follow", action="store_true")
    logs.add_argument("-n", "--lines", type=int, default=40, help="how many last lines of each log")
    logs.add_argument("--node", metavar="NAME", help="only of this node")
    logs.add_argument("component", nargs="*")
    run = add("exec", commands.execute, "run a command inside a node, with the credentials")
    run.add_argument("--node", metavar="NAME", default=CONTROL)
    run.add_argument("argv", nargs="*", metavar="COMMAND …")
    client = add("openstack", commands.openstack, "run the openstack client inside n1")
    client.add_argument("argv", nargs="*", metavar="…")
    shell = add("shell", commands.shell, "start a shell inside a node")
    shell.add_argument("--node", metavar="NAME", default=CONTROL)
    node = add("node", commands.node, "list the nodes; power off, start or disturb one")
    node.add_argument("verb", choices=("list", "start", "stop", *nodes.DISTURBANCES))
    node.add_argument("name", nargs="?", metavar="NAME")
    demo = add("demo", commands.demonstrate, "up, then create, use and delete servers")
    text = "move a guest between as many nodes, at least 3, instead"
    demo.add_argument("--nodes", type=_count_nodes, default=0, metavar="N", help=text)
    add("down", commands.down, "stop everything; data are kept")
    clean = add("clean", commands.clean, "stop everything and remove all but the packages")
    clean.add_argument("--keep-venvs", action="store_true", help="keep the packages from PyPI too")
    return parser


def _words(text: str) -> tuple[str, ...]:
    return tuple(word for word in text.split(",") if word)


def _count_nodes(text: str) -> int:
    number = _count(text)
    if number > fabric.MOST_NODES:
        raise argparse.ArgumentTypeError(f"must be at most {fabric.MOST_NODES}")
    return number


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
