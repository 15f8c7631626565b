"""What each command of `tools/stack` does."""

import os
import shutil
import sys
from argparse import Namespace

from stacklib import choices, demo, demo_nodes, environment, fabric, nodes
from stacklib import status as statuses
from stacklib.alone import alone
from stacklib.errors import StackError
from stacklib.fabric import CONTROL
from stacklib.stack import Choices, Stack

FEWEST_NODES = 3  # for a guest that moves, and then loses its node


def up(stack: Stack, wanted: Choices) -> int:
    """Bring the wanted components up; return 1 when one of them failed. Nodes that are not wanted
    any more are powered off."""
    with alone(stack):
        path = stack.directory / "choices.json"
        before = stack.choices = choices.recall(path) or Choices()
        count = choices.count_nodes(wanted, before)
        nodes.stop(stack, [name for name in nodes.known(stack) if name in fabric.NAMES[count:]])
        stack.choices = choices.remember(path, wanted)
        nodes.stop_surplus_services(stack, before)
        components = choices.to_bring_up(wanted, stack.choices)
        return nodes.up(stack, stack.node_names, components)


def status(stack: Stack, arguments: Namespace) -> int:
    """Print the health of everything; return 1 when something is not well."""
    names = (stack.require_node(arguments.node),) if arguments.node else stack.node_names
    reports = statuses.collect(stack, names)
    print(statuses.as_json(reports) if arguments.json else statuses.as_table(reports))
    well = reports and all(report.health == "healthy" for report in reports)
    return 0 if well else 1


def logs(stack: Stack, arguments: Namespace) -> int:
    """Print the end of the logs; with --follow, go on as they grow."""
    chosen = [stack.require_node(arguments.node)] if arguments.node else stack.node_names
    found = [log for name in chosen for log in sorted(stack.on(name).logs.glob("*.log"))]
    if arguments.component:
        found = [log for log in found if any(word in log.stem for word in arguments.component)]
    if not found:
        raise StackError(f"no log of the stack matches {' '.join(arguments.component)}")
    follow = ["--follow=name", "--retry"] if arguments.follow else []
    os.execvp("tail", ["tail", f"--lines={arguments.lines}", *follow, *map(str, found)])


def execute(stack: Stack, arguments: Namespace) -> int:
    """Replace this process by a command inside a node."""
    stack = stack.on(stack.require_node(arguments.node))
    argv = arguments.argv[1:] if arguments.argv[:1] == ["--"] else arguments.argv
    if not argv:
        raise StackError("say what to run: tools/stack exec COMMAND …")
    terminal = {name: os.environ[name] for name in ("TERM", "COLUMNS") if name in os.environ}
    here = ["sh", "-c", 'cd "$1" 2>/dev/null || cd /; shift; exec "$@"', "sh", os.getcwd()]
    command = stack.node.command([*here, *argv])
    stack.node.share()
    os.execvpe(command[0], command, stack.node.environment(terminal | environment.variables(stack)))


def openstack(stack: Stack, arguments: Namespace) -> int:
    """Replace this process by the openstack client inside the control node."""
    return execute(stack, Namespace(node=CONTROL, argv=["openstack", *arguments.argv]))


def shell(stack: Stack, arguments: Namespace) -> int:
    """Replace this process by a shell inside a node."""
    return execute(stack, Namespace(node=arguments.node, argv=["bash", "--norc", "-i"]))


def demonstrate(stack: Stack, arguments: Namespace) -> int:
    """Bring the cloud up, and run a demo; raise StackError when a step of it fails."""
    if arguments.nodes:
        return _demonstrate_nodes(stack, arguments.nodes)
    chosen = stack.choices
    if "nova-mini" not in chosen.components:
        chosen = choices.choose(("full",), (), virt_driver="libvirt", computes=1)
    if up(stack, chosen):
        return 1
    demo.Demo(stack).run()
    return 0


def _demonstrate_nodes(stack: Stack, count: int) -> int:
    if count < FEWEST_NODES:
        raise StackError(f"--nodes: the demo needs at least {FEWEST_NODES} nodes")
    chosen = choices.choose(
        ("full",), (), virt_driver="libvirt", computes=1, nodes=count, control=1
    )
    if up(stack, chosen):
        return 1
    if stack.choices.local_disks:
        names = ", ".join(stack.choices.local_disks)
        reason = f"the demo needs all disks in Ceph, and {names} has files"
        raise StackError(f"{reason}; run `tools/stack up --nodes 1`, then the demo again")
    demo_nodes.DemoOfNodes(stack).run()
    return 0


def node(stack: Stack, arguments: Namespace) -> int:
    """Do what the arguments say with a node, or list all."""
    if arguments.verb == "list":
        print(nodes.table(stack))
        return 0
    if not arguments.name:
        raise StackError(f"say which node: tools/stack node {arguments.verb} NAME")
    name = stack.require_node(arguments.name)
    with alone(stack):
        if arguments.verb == "start":
            return nodes.up(stack, (name,), stack.choices.components)
        if arguments.verb == "stop":
            nodes.stop(stack, (name,))
        else:
            nodes.disturb(stack, name, arguments.verb)
    print(f"stack: {name}: {nodes.state(stack, name)}", file=sys.stderr)
    return 0


def down(stack: Stack, _: Namespace) -> int:
    """Stop the components, users of a service before the service, then the nodes."""
    with alone(stack):
        nodes.stop(stack, nodes.known(stack))
    print("stack: down", file=sys.stderr)
    return 0


def clean(stack: Stack, arguments: Namespace) -> int:
    """Leave the machine as it was before the first `up`, Debian's packages aside."""
    if not stack.directory.exists():
        print("stack: nothing to clean", file=sys.stderr)
        return 0
    with alone(stack):
        nodes.stop(stack, nodes.known(stack))
        fabric.Fabric(stack.name).remove()
        kept = {"venvs"} if arguments.keep_venvs else set()
        for path in stack.directory.iterdir():
            if path.name not in kept:
                shutil.rmtree(path) if path.is_dir() else path.unlink()
        if not kept:
            stack.directory.rmdir()
    print("stack: clean", file=sys.stderr)
    return 0
