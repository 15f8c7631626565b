"""Turn what was asked for into a list of components; remember it for the other commands."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from stacklib import dag, files
from stacklib.components import ALL, PROFILES
from stacklib.errors import StackError
from stacklib.stack import Choices

# A fake host has neither guests nor cables nor disks.
FAKE_WITHOUT = ("libvirt", "kvm", "openvswitch", "neutron-agents", "ceph", "cinder")


def choose(
    names: tuple[str, ...], without: tuple[str, ...], virt_driver: str, computes: int
) -> Choices:
    """Return the choices for `names` (components or profiles), minus `without`."""
    if computes > 1 and virt_driver != "fake":
        raise StackError("one machine is one libvirt host: --computes takes --virt-driver fake")
    wanted = [part for name in names for part in PROFILES.get(name, (name,))]
    left_out = without + (FAKE_WITHOUT if virt_driver == "fake" else ())
    components = tuple(dag.closure(wanted, left_out, ALL))
    packages = [package for name in components for package in ALL[name].packages]
    return Choices(
        virt_driver=virt_driver,
        computes=computes,
        without=left_out,
        components=components,
        packages=tuple(dict.fromkeys(packages)),
    )


def remember(path: Path, choices: Choices) -> Choices:
    """Store `choices` and return them with the components that were brought up before. Those that
    are left out now are part of the cloud no more, but may still run: `left_behind`."""
    before = recall(path) or Choices()
    names = {*choices.components, *before.components}
    present = names & set(dag.closure(names, choices.without, ALL))
    behind = (names | set(before.left_behind)) - present
    merged = replace(choices, components=_in_order(present), left_behind=_in_order(behind))
    files.write(path, json.dumps(asdict(merged), indent=1) + "\n")
    return merged


def _in_order(names: set[str]) -> tuple[str, ...]:
    return tuple(name for name in ALL if name in names)


def recall(path: Path) -> Choices | None:
    """Return the stored choices, None when nothing has been brought up."""
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return Choices(**{k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()})
