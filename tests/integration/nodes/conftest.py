"""Several nodes: run on the machine, by ``tools/test --tier nodes``, which starts the stack."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.nodes.several_nodes import SeveralNodes

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tools"))

# The integration tests of one node run inside it, where nodes cannot be powered off.
collect_ignore_glob = ["test_*"] if "NOVA_MINI_NODE" in os.environ else []


@pytest.fixture(scope="session")
def nodes() -> SeveralNodes:
    return SeveralNodes()


class Boot:
    """``boot(node)`` creates a server on a node, waits until it is active, and returns it."""

    def __init__(self, nodes: SeveralNodes):
        self._nodes = nodes
        self._made: list[str] = []

    def __call__(self, node: str, **fields: Any) -> dict:
        return self._nodes.wait_for(self.begin(node, **fields), "ACTIVE")

    def begin(self, node: str, **fields: Any) -> str:
        """Create a server without waiting for it, and return its id."""
        server = self._nodes.create(node, **fields)
        self._made.append(server)
        return server

    def delete_one(self, server: str) -> None:
        self._nodes.delete([server])
        self._made.remove(server)

    def delete(self) -> None:
        """Delete the servers, at the end of the test or earlier."""
        self._nodes.delete(self._made)
        self._made.clear()


@pytest.fixture
def boot(nodes) -> Iterator[Boot]:
    made = Boot(nodes)
    yield made
    made.delete()
