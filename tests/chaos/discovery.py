"""The moments of an operation: the steps that its daemons walk, the calls by which they
change the database, the messages that they send and the requests that they make of neighbours, in a
run that nothing disturbs."""

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
# A call that only reads changes nothing: dying after it is dying before it.
_CALLS = re.compile(r"call (\w+\.(?!get_|has_)\w+) is done")
_CASTS = re.compile(r"Casting (\S+)")
# What goes on by itself, whether anything is asked or not.
_PERIODIC = ("external_instance_event",)


@dataclass(frozen=True)
class Walk:
    """``steps``, ``calls`` and ``messages``: (daemon, name), each once, and a call that is made
    several times as "…", "… #2", …; ``requests``: how many each neighbour got."""

    steps: list[tuple[str, str]]
    calls: list[tuple[str, str]]
    messages: list[tuple[str, str]]
    requests: dict[str, int]

    def __str__(self) -> str:
        asked = ", ".join(f"{number} to {name}" for name, number in self.requests.items())
        found = f"{len(self.steps)} steps, {len(self.calls)} calls, {len(self.messages)} messages"
        return f"{found}; requests: {asked}"


def walks(site, fleet, operations: Iterable[Operation], kept: pathlib.Path) -> dict[str, Walk]:
    """Of each by its name. ``kept`` is where they are from, or will be: a seed repeats a run only
    if the moments are the same, and which steps are walked depends a little on time. What was
    found in other code is of no use."""
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
    """Have it done once, on any server."""
    server = fleet.take(operation, site.hosts[0])
    logs = {name: daemon.log.stat().st_size for name, daemon in site.daemons.items()}
    asked = {name: proxy.requests for name, proxy in site.neighbours.items()}
    request_id = fleet.do(operation, server)
    texts = {name: _read(site.daemons[name].log, offset) for name, offset in logs.items()}
    if operation.ends is not None:
        fleet.put_back(server)
    steps = {(name, moment): None for name, text in texts.items() for moment in _steps(text)}
    calls = [(name, call) for name, text in texts.items() for call in _calls(text, request_id)]
    messages = {
        (name, method): None
        for name, text in texts.items()
        for method in _CASTS.findall(text)
        if method not in _PERIODIC
    }
    requests = {name: proxy.requests - asked[name] for name, proxy in site.neighbours.items()}
    return Walk(list(steps), calls, list(messages), requests)


def _steps(text: str) -> list[str]:
    """The end of each step, and the begin of the first and of those that send a message."""
    begun = _BEGINS.findall(text)
    begins = [f"before {step}" for step in begun if step == begun[0] or "API." in step]
    return [*begins, *_ENDS.findall(text)]


def _calls(text: str, request_id: str) -> list[str]:
    """Those that the request made: others are made all the time."""
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
