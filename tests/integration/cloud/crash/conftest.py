"""The crash tests, and their report of the recovery times at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.integration.cloud.harness import node, oracle

_rows: list[tuple[str, str, float]] = []

Record = Callable[[str, str, float], None]


@pytest.fixture
def record() -> Record:
    """``record(operation, fault, seconds until the recovery)``."""

    def add(operation: str, fault: str, seconds: float) -> None:
        _rows.append((operation, fault, seconds))

    return add


@pytest.fixture(autouse=True)
def mended(cloud, instruments) -> Iterator[None]:
    """Checks that all services run before and after each test."""
    yield
    instruments.disarm()
    node.wait_active(*map(node.unit, node.DAEMONS))
    oracle.assert_clean(cloud)


def pytest_terminal_summary(terminalreporter):
    if not _rows:
        return
    terminalreporter.section("recovered from")
    for operation, fault, seconds in _rows:
        terminalreporter.write_line(f"{operation:10} {fault:70} {seconds:5.1f} s")
