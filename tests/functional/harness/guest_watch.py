"""Watches the fake hypervisors: no guest may run on two hosts at any moment."""

from __future__ import annotations

import contextlib
import json
import pathlib
import threading
from collections.abc import Iterator

from tests.functional.harness.cloud import Cloud

_RUNNING = 1
_PAUSE = 0.01  # seconds between two looks


@contextlib.contextmanager
def never_twice(cloud: Cloud) -> Iterator[None]:
    """Raise AssertionError at the end if a guest ran on two hosts at one time inside."""
    twice: set[tuple[str, ...]] = set()
    end = threading.Event()

    def watch() -> None:
        while not end.wait(_PAUSE):
            twice.update(_running_twice(cloud))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        end.set()
        watcher.join()
    assert not twice, f"these guests ran on two hosts: {sorted(twice)}"


def _running_twice(cloud: Cloud) -> set[tuple[str, ...]]:
    """(uuid, hosts). A guest that has just moved is looked at again, as the files are read one
    after the other."""
    first = _running(cloud)
    suspects = {uuid for uuid, hosts in first.items() if len(hosts) > 1}
    if not suspects:
        return set()
    second = _running(cloud)
    return {(uuid, *sorted(second[uuid])) for uuid in suspects if len(second.get(uuid, ())) > 1}


def _running(cloud: Cloud) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for path in (cloud.state / "fake").glob("*/*.json"):
        if _state_of(path) == _RUNNING:
            found.setdefault(path.stem, set()).add(path.parent.name)
    return found


def _state_of(path: pathlib.Path) -> int | None:
    try:
        return json.loads(path.read_text())["state"]
    except FileNotFoundError:
        return None
