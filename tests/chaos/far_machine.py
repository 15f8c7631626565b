"""A node of the stack, used from the machine on which all nodes run."""

from __future__ import annotations

import pathlib
from collections.abc import Sequence
from typing import Any

from tests.integration.cloud.harness.machine import Machine


class FarMachine(Machine):
    """``view``: the stack, seen from this node."""

    def __init__(self, view: Any):
        super().__init__(view.node.name, view.logs.parent)
        self._node = view.node
        self.address = view.node.address

    def command(self, argv: Sequence[str]) -> list[str]:
        return self._node.command(argv)

    def path(self, path: str) -> pathlib.Path:
        return self._node.path(path)

    @property
    def libvirt_uri(self) -> str:
        return f"qemu+unix:///system?socket={self.path('/run/libvirt/libvirt-sock')}"
