"""The list of components that was requested, stored for the other commands."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from stacklib import dag, fabric, files
from stacklib.components import ALL, OPTIONAL, PROFILES
from stacklib.errors import StackError
from stacklib.stack import Choices

# A fake host has no guests, networks and disks, and copies nothing from another one. Its volumes
# are in Cinder, which does not need Ceph.
FAKE_WITHOUT = ("libvirt", "kvm", "openvswitch", "neutron-agents", "ceph", "ssh")


def choose(
    names: tuple[str, ...],
    without: tuple[str, ...],
    virt_driver: str,
    computes: int,
    nodes: int = 0,
    control: int = 0,
    local_disks: tuple[str, ...] = (),
) -> Choices:
    """Return the choices for `names` (components or profiles), minus `without`. `nodes` and
    `control` 0: as many as there are."""
    if computes > 1 and virt_driver != "fake":
        raise StackError("--computes needs --virt-driver fake; several libvirt hosts are --nodes")
    if nodes > 1 and virt_driver == "fake":
        raise StackError("--nodes needs --virt-driver libvirt; several fake hosts are --computes")
    if control > 1 and virt_driver == "fake":
        raise StackError("--control needs --virt-driver libvirt: fake hosts are in one node")
    wanted = [part for name in names for part in PROFILES.get(name, (name,))]
    left_out = without + (FAKE_WITHOUT if virt_driver == "fake" else ())
    not_requested = tuple(name for name in OPTIONAL if name not in wanted)
    components = tuple(dag.closure(wanted, left_out + not_requested, ALL))
    packages = [package for name in components for package in ALL[name].packages]
    return Choices(
        virt_driver=virt_driver,
        computes=computes,
        nodes=nodes,
        control=control,
        local_disks=local_disks,
        without=left_out,
        components=components,
        packages=tuple(dict.fromkeys(packages)),
    )


def remember(path: Path, choices: Choices) -> Choices:
    """Store `choices`, and return them with the components that were started before. Components
    that are left out now may still run: they are in `left_behind`."""
    before = recall(path) or Choices()
    names = {*choices.components, *before.components}
    present = names & set(dag.closure(names, choices.without, ALL))
    behind = (names | set(before.left_behind)) - present
    count = count_nodes(choices, before)
    merged = replace(
        choices,
        nodes=count,
        control=count_control(choices, before, count),
        local_disks=_local_disks(choices, before, fabric.NAMES[:count]),
        components=_in_order(present),
        left_behind=_in_order(behind),
    )
    files.write(path, json.dumps(asdict(merged), indent=1) + "\n")
    return merged


def to_bring_up(wanted: Choices, known: Choices) -> tuple[str, ...]:
    """Return the components that are wanted now, and the optional ones of `known` that belong to
    them: others are configured for these."""
    more = {
        name
        for name in OPTIONAL
        if name in known.components and set(ALL[name].needs) <= set(wanted.components)
    }
    return _in_order({*wanted.components, *more})


def count_nodes(choices: Choices, before: Choices) -> int:
    """Return how many nodes there are with `choices`, when it was `before` until now."""
    if choices.virt_driver == "fake":
        return 1
    return choices.nodes or before.nodes


def count_control(choices: Choices, before: Choices, nodes: int) -> int:
    """Return how many of the `nodes` are control nodes with `choices`."""
    if choices.control > nodes:
        raise StackError(f"--control {choices.control}: there are only {nodes} nodes; see --nodes")
    return choices.control or min(before.control, nodes)


def _local_disks(choices: Choices, before: Choices, nodes: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := set(choices.local_disks) - set(nodes):
        raise StackError(f"--local-disks: there is no node {', '.join(sorted(unknown))}")
    return choices.local_disks or tuple(name for name in before.local_disks if name in nodes)


def _in_order(names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in ALL if name in names)


def recall(path: Path) -> Choices | None:
    """Return the stored choices, None when nothing has been brought up."""
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return Choices(**{k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()})
