"""Turn what was asked for into a list of components; remember it for the other commands."""

import json
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
        without=without,
        components=components,
        packages=tuple(dict.fromkeys(packages)),
    )


def remember(path: Path, choices: Choices) -> Choices:
    """Store `choices`; components brought up before stay known. Return the union."""
    before = recall(path)
    names = set(choices.components) | set(before.components if before else ())
    merged = Choices(
        **{**vars(choices), "components": tuple(name for name in ALL if name in names)}
    )
    files.write(path, json.dumps(vars(merged), indent=1) + "\n")
    return merged


def recall(path: Path) -> Choices | None:
    """Return the stored choices, None when nothing has been brought up."""
    if not path.exists():
        return None
    stored = json.loads(path.read_text())
    return Choices(**{k: tuple(v) if isinstance(v, list) else v for k, v in stored.items()})
