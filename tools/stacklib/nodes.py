"""Several nodes: bring them up, stop them, and disturb them for demonstrations and tests."""

import sys
from collections.abc import Callable, Collection

from stacklib import dag, fabric, tables
from stacklib.component import Component
from stacklib.components import ALL, further
from stacklib.display import Display
from stacklib.errors import StackError
from stacklib.fabric import CONTROL
from stacklib.node import Node
from stacklib.stack import Choices, Stack

DISTURBANCES: dict[str, Callable[[Node], None]] = {
    "crash": Node.crash,
    "freeze": Node.freeze,
    "unfreeze": Node.unfreeze,
    "cut": Node.cut,
    "join": Node.join,
}


def known(stack: Stack) -> list[str]:
    """Return the names of the nodes of the stack, and of those that still run."""
    return [name for name in fabric.NAMES if name in stack.node_names or stack.on(name).node.pid]


def up(stack: Stack, names: Collection[str], wanted: Collection[str]) -> int:
    """Bring the nodes `names` up, with the `wanted` components of each; return 1 when something
    failed."""
    components: list[Component] = []
    for name in names:
        if name == CONTROL:
            components += [ALL[each] for each in ALL if each in wanted]
        else:
            components += further.components(stack, name, wanted)
    with Display([component.name for component in components]) as display:
        failed = dag.run(
            components,
            lambda component, say: component.up(stack, say),
            display,
            stack.log("stack"),
        )
    verdict = f"failed: {', '.join(failed)}" if failed else "up"
    print(f"stack: {verdict} after {display.elapsed:.1f} s", file=sys.stderr)
    return 1 if failed else 0


def stop(stack: Stack, names: Collection[str]) -> None:
    """Stop what runs on the nodes `names`, users of a service before the service; then power the
    nodes off, which kills the rest."""
    running = [name for name in names if stack.on(name).node.pid]
    for name in running:  # services end in order only where they reach each other
        stack.on(name).node.unfreeze()
        stack.on(name).node.join()
    components = [each for name in running for each in _stoppable(stack, name)]
    if components:
        with Display([component.name for component in components]) as display:
            dag.run(
                components,
                lambda component, say: (say("stop"), component.stop(stack)),
                display,
                stack.log("stack"),
                backwards=True,
            )
    for name in names:
        stack.on(name).node.down()


def stop_surplus_services(stack: Stack, before: Choices) -> None:
    """Stop the services of nodes that were control nodes `before`, and are not any more."""
    earlier = stack.on(CONTROL)
    earlier.choices = before
    for name in set(earlier.control_names + earlier.broker_names) - {CONTROL}:
        view = stack.on(name)
        kept = further.parts(stack, name, stack.choices.components)
        for part in further.parts(earlier, name, before.components):
            if part not in kept and view.node.pid:
                part.stop(view)


def disturb(stack: Stack, name: str, verb: str) -> None:
    """Do `verb`, one of DISTURBANCES, to a node that is running."""
    node = stack.on(name).node
    if not node.pid:
        raise StackError(f"node {name} is not running; start it with `tools/stack node start`")
    DISTURBANCES[verb](node)


def state(stack: Stack, name: str) -> str:
    """Return "up", "frozen" or "off" of a node, and whether it is cut off from the network."""
    node = stack.on(name).node
    if not node.pid:
        return "off"
    return ("frozen" if node.is_frozen else "up") + (", cut off" if node.is_cut else "")


def table(stack: Stack) -> str:
    """Return a table of the nodes."""
    rows = [("NODE", "STATE", "ADDRESS", "RUNS", "DISKS")]
    for name in stack.node_names:
        node = stack.on(name).node
        runs = "services and servers" if name in stack.control_names else "servers"
        local = name in stack.choices.local_disks or not stack.has("ceph")
        rows.append((name, state(stack, name), node.address, runs, "files" if local else "Ceph"))
    return tables.render(rows)


def _stoppable(stack: Stack, name: str) -> list[Component]:
    """Return the components of a node that may run. Components of earlier choices are of the
    control node alone."""
    if name != CONTROL:
        return list(further.components(stack, name, stack.choices.components))
    names = {*stack.choices.components, *stack.choices.left_behind}
    chosen = [component for known, component in ALL.items() if known in names]
    return [each for each in chosen if each.name == "node" or each.units(stack)]
