"""Move all servers away from a host.

Nothing is remembered but what the database knows, so a drain that was interrupted goes on when it
is run again, and two at the same time do no harm.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nova_mini import db, disclosure, exception
from nova_mini.actions import operations
from nova_mini.actions.parameters import LiveMigrateParameters
from nova_mini.compute.api import API
from nova_mini.context import RequestContext
from nova_mini.maintenance import next_step, service
from nova_mini.maintenance.next_step import Step
from nova_mini.objects.instance import Instance

_INTERVAL = 1  # seconds between two looks
_ATTEMPTS = 2  # a second one when the other servers have moved: then there may be room
_ON_ITS_WAY = (Step.MOVES, Step.CONFIRM)
_MOVES = (operations.LIVE_MIGRATE.name, operations.MIGRATE.name)


class HostIsDown(Exception):
    """The compute of the host does not report, so nothing can be moved away from it."""


class Restored(Exception):
    """The host was enabled again while it was drained."""


@dataclass
class Progress:
    """Numbers of servers. ``stuck``: uuid -> (name, why it cannot move)."""

    moved: int = 0
    deleted: int = 0
    moving: int = 0
    waiting: int = 0
    to_come: int = 0
    stuck: dict[str, tuple[str, str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        left = self.moving + self.waiting + self.to_come + len(self.stuck)
        return self.moved + self.deleted + left

    @property
    def is_over(self) -> bool:
        return not (self.moving or self.waiting or self.to_come)


@dataclass(slots=True)
class _Moving:
    name: str
    begun: float  # monotonic time


class Drain:
    """``parallel``: how many servers move at once. ``tell`` gets a line for each thing that
    happens, and ``show`` the progress after each look."""

    def __init__(
        self,
        host: str,
        parallel: int,
        tell: Callable[[str], None],
        show: Callable[[Progress], None],
    ):
        self._host = host
        self._parallel = parallel
        self._tell = tell
        self._show = show
        self._api = API()
        self._moving: dict[str, _Moving] = {}
        self._failures: dict[str, list[str]] = {}
        self._moved = self._deleted = 0

    def run(self, *, wait: bool) -> Progress:
        """Disable the host and move its servers. ``wait``: until every server has left it that
        can; otherwise only begin as many moves as may run at once.

        Raises ServiceNotFound, HostIsDown, Restored.
        """
        if not service.get(self._host).is_alive:
            raise HostIsDown
        if service.disable(self._host):
            self._tell(f"{self._host}: disabled, so that it gets no new servers")
        while True:
            progress = self._look()
            self._show(progress)
            if progress.is_over or not wait:
                return progress
            time.sleep(_INTERVAL)
            self._check_service()

    def _check_service(self) -> None:
        found = service.get(self._host)
        if not found.disabled:
            raise Restored
        if not found.is_alive:
            raise HostIsDown

    def _look(self) -> Progress:
        servers = {row.uuid: row for row in db.host_servers.get(self._host)}
        steps = {uuid: next_step.of(row, self._host) for uuid, row in servers.items()}
        self._see_departures(self._moving.keys() - servers.keys())
        self._see_failures(
            [uuid for uuid in self._moving if uuid in steps and _is_back(steps[uuid].step)]
        )
        for uuid, each in steps.items():
            if each.step is Step.CONFIRM:
                self._confirm(servers[uuid])
        self._begin_moves(servers, steps)
        return self._progress(servers, steps)

    # -- what has happened -------------------------------------------------------------------

    def _see_departures(self, uuids: Iterable[str]) -> None:
        gone = list(uuids)
        hosts = db.host_servers.hosts_of(gone) if gone else {}
        for uuid in gone:
            one = self._moving.pop(uuid)
            if hosts.get(uuid) is None:
                self._deleted += 1
                self._tell(f"{one.name} ({uuid}): is not on any host any more")
            else:
                self._moved += 1
                seconds = time.monotonic() - one.begun
                self._tell(f"{one.name} ({uuid}): is on {hosts[uuid]} after {seconds:.1f} s")

    def _see_failures(self, uuids: list[str]) -> None:
        reasons = _reasons(uuids) if uuids else {}
        for uuid in uuids:
            self._fail(uuid, self._moving.pop(uuid).name, reasons.get(uuid, "it has come back"))

    def _fail(self, uuid: str, name: str, reason: str) -> None:
        failures = self._failures.setdefault(uuid, [])
        failures.append(reason)
        self._tell(f"{name} ({uuid}): did not move, attempt {len(failures)}: {reason}")

    # -- what to do --------------------------------------------------------------------------

    def _begin_moves(self, servers: Mapping[str, Any], steps: dict[str, next_step.Next]) -> None:
        for uuid, each in steps.items():
            if each.step in _ON_ITS_WAY and uuid not in self._moving:  # begun by someone else
                self._moving[uuid] = _Moving(_name(servers[uuid]), time.monotonic())
        free = self._parallel - sum(each.step is Step.MOVES for each in steps.values())
        ready = [uuid for uuid, each in steps.items() if self._may_begin(uuid, each.step)]
        ready.sort(key=lambda uuid: len(self._failures.get(uuid, ())))
        for uuid in ready[: max(free, 0)]:
            if self._begin(servers[uuid], steps[uuid].step):
                steps[uuid] = next_step.Next(Step.MOVES)

    def _may_begin(self, uuid: str, step: Step) -> bool:
        return _is_back(step) and len(self._failures.get(uuid, ())) < _ATTEMPTS

    def _begin(self, server: Any, step: Step) -> bool:
        """Whether the server moves now."""
        context, name = _context(server), _name(server)
        try:
            instance = Instance.get_by_uuid(context, server.uuid)
            if instance.host != self._host:
                return False  # the next look sees where it is
            if step is Step.LIVE_MIGRATE:
                self._api.live_migrate(context, instance, LiveMigrateParameters())
            else:
                self._api.migrate(context, instance)
        except (exception.InstanceNotFound, exception.UnexpectedTaskStateError):
            return False
        except exception.NovaException as exc:
            self._fail(server.uuid, name, disclosure.message_for_operator(exc))
            return False
        self._moving[server.uuid] = _Moving(name, time.monotonic())
        self._tell(f"{name} ({server.uuid}): {step.value} begins")
        return True

    def _confirm(self, server: Any) -> None:
        """Confirm a migration that this command, or an earlier run of it, has begun."""
        context = _context(server)
        try:
            self._api.confirm_resize(context, Instance.get_by_uuid(context, server.uuid))
        except (exception.InstanceNotFound, exception.Conflict, exception.NotFound):
            return  # it was confirmed, reverted or deleted meanwhile

    def _progress(
        self, servers: Mapping[str, Any], steps: Mapping[str, next_step.Next]
    ) -> Progress:
        found = Progress(moved=self._moved, deleted=self._deleted)
        for uuid, each in steps.items():
            failures = self._failures.get(uuid, [])
            if each.step in _ON_ITS_WAY:
                found.moving += 1
            elif each.step is Step.WAIT:
                found.waiting += 1
            elif each.step is Step.STUCK:
                found.stuck[uuid] = (_name(servers[uuid]), each.reason)
            elif len(failures) >= _ATTEMPTS:
                found.stuck[uuid] = (_name(servers[uuid]), failures[-1])
            else:
                found.to_come += 1
        return found


def _is_back(step: Step) -> bool:
    """The server is on the host, and could be moved."""
    return step in (Step.LIVE_MIGRATE, Step.MIGRATE)


def _name(server: Any) -> str:
    return server.display_name or "-"


def _context(server: Any) -> RequestContext:
    """An administrator without a name, which is how a later run knows what it has begun."""
    return RequestContext(
        project_id=server.project_id, is_admin=True, roles=["admin"], overwrite=False
    )


def _reasons(uuids: list[str]) -> dict[str, str]:
    """Why the newest move of each server has failed."""
    newest = {row["instance_uuid"]: row["id"] for row in db.actions.get_of_kinds(uuids, _MOVES)}
    details: dict[int, str] = {}
    for event in db.actions.get_events(list(newest.values())):
        if event["result"] == "Error" and event["details"]:
            details[event["action_id"]] = event["details"].splitlines()[0]
    return {uuid: details[action] for uuid, action in newest.items() if action in details}
