"""Several nodes: run on the machine, by ``tools/test --tier nodes``, which starts the stack."""

from __future__ import annotations

import os
import pathlib
import sys
from collections.abc import Callable, Iterator

import pytest

from tests.integration.nodes.several_nodes import SeveralNodes

sys.path.insert(0, str(pathlib.Path(__file__).parents[3] / "tools"))

# The integration tests of one node run inside it, where nodes cannot be powered off.
collect_ignore_glob = ["test_*"] if "NOVA_MINI_NODE" in os.environ else []


@pytest.fixture(scope="session")
def nodes() -> SeveralNodes:
    return SeveralNodes()


@pytest.fixture
def boot(nodes) -> Iterator[Callable[..., dict]]:
    """Creates a server on a node, waits until it is active, and returns it."""
    made: list[str] = []

    def on(node: str, **fields) -> dict:
        server = nodes.create(node, **fields)
        made.append(server)
        return nodes.wait_for(server, "ACTIVE")

    yield on
    nodes.delete(made)
