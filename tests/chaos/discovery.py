"""Finds the fault injection points of an operation in a run without faults: its steps, the calls
that change the database, the messages, and the requests to external services."""

from __future__ import annotations

import collections
import hashlib
import json
import pathlib
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass

import nova_mini
from tests.chaos.operations import Operation

_BEGINS = re.compile(r"step (\S+) begins")
_ENDS = re.compile(r"step (\S+) took")
# Calls that only read are left out: they change nothing.
_CALLS = re.compile(r"call (\w+\.(?!get_|has_)\w+) is done")
_CASTS = re.compile(r"Casting (\S+)")
# Messages that are not sent by an operation.
_PERIODIC = ("external_instance_event",)


@dataclass(frozen=True)
class Walk:
    """``steps``, ``calls`` and ``messages``: (daemon, name), without duplicates; repeated calls are
    named "…", "… #2", …. ``requests``: external service -> number of requests."""

    steps: list[tuple[str, str]]
    calls: list[tuple[str, str]]
    messages: list[tuple[str, str]]
    requests: dict[str, int]

    def __str__(self) -> str:
        requests = ", ".join(f"{number} to {name}" for name, number in self.requests.items())
        found = f"{len(self.steps)} steps, {len(self.calls)} calls, {len(self.messages)} messages"
        return f"{found}; requests: {requests}"


def walks(site, fleet, operations: Iterable[Operation], kept: pathlib.Path) -> dict[str, Walk]:
    """The walk of each operation, by its name.

    They are stored in the file ``kept`` for later runs of the same code: a seed repeats a run only
    if the points are the same, and the steps of an operation depend on timing.
    """
    code = _digest(pathlib.Path(nova_mini.__file__).parent)
    stored = json.loads(kept.read_text()) if kept.exists() else {}
    found = stored.get("walks", {}) if stored.get("code") == code else {}
    for operation in operations:
        if operation.name not in found:
            walked = walk(site, fleet, operation)
            print(f"{operation.name}: {walked}", flush=True)
            found[operation.name] = asdict(walked)
            kept.write_text(json.dumps({"code": code, "walks": found}))
    return {operation.name: Walk(**found[operation.name]) for operation in operations}


def _digest(directory: pathlib.Path) -> str:
    texts = (path.read_bytes() for path in sorted(directory.rglob("*.py")))
    return hashlib.sha256(b"".join(texts)).hexdigest()


def walk(site, fleet, operation: Operation) -> Walk:
    """Execute the operation once, on any server."""
    server = fleet.take(operation, site.hosts[0])
    logs = {name: [log.stat().st_size for log in each.logs] for name, each in site.daemons.items()}
    proxies = site.external_services
    before = {name: each.requests for name, each in proxies.items()}
    request_id = fleet.do(operation, server)
    texts = {
        name: "".join(map(_read, site.daemons[name].logs, offsets))
        for name, offsets in logs.items()
    }
    site.bring_back()
    if operation.ends is not None:
        fleet.release(server)
    steps = {(name, point): None for name, text in texts.items() for point in _steps(text)}
    calls = [(name, call) for name, text in texts.items() for call in _calls(text, request_id)]
    messages = {
        (name, method): None
        for name, text in texts.items()
        for method in _CASTS.findall(text)
        if method not in _PERIODIC
    }
    requests = {name: each.requests - before[name] for name, each in proxies.items()}
    return Walk(list(steps), calls, list(messages), requests)


def _steps(text: str) -> list[str]:
    """The end of each step, and the begin of the first step and of steps that send a message."""
    begun = _BEGINS.findall(text)
    begins = [f"before {step}" for step in begun if step == begun[0] or "API." in step]
    return [*begins, *_ENDS.findall(text)]


def _calls(text: str, request_id: str) -> list[str]:
    """The calls with this request ID. Periodic tasks make calls at the same time."""
    made = collections.Counter()
    found = []
    for line in text.splitlines():
        if request_id in line and (call := _CALLS.search(line)):
            made[call[1]] += 1
            found.append(f"{call[1]} #{made[call[1]]}" if made[call[1]] > 1 else call[1])
    return found


def _read(log, offset: int) -> str:
    with log.open(errors="replace") as text:
        text.seek(offset)
        return text.read()
