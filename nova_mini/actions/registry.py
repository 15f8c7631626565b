"""The classes of operations and actions.

An *action* is requested by a user, who sees it in the history of the server: "stop", "createImage".
An *operation* is the work that a process does for an action. Its name is the name of its RPC
method, and is stored in the column ``method`` of the action's row; so the name never changes.
The operations are declared in :mod:`.operations`.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from nova_mini import exception
from nova_mini.actions.parameters import NoParameters, Parameters


class Place(enum.Enum):
    HOST = "host"
    CONDUCTOR = "conductor"

    @classmethod
    def of(cls, host: str | None) -> Place:
        """The place where an action runs. ``host``: the host that its row names, or None."""
        return cls.CONDUCTOR if host is None else cls.HOST


@dataclass(frozen=True, eq=False)
class ContinueAtConductor:
    """How the conductors continue an action that cannot continue at its host.

    ``operation``: the operation of the conductors; ``convert(parameters, host, reason)`` makes its
    parameters. Three conditions for a host that is down: ``if_unclaimed``: only when no process of
    the host owns the action, dead or alive (it was never claimed there, or it was requeued).
    ``if_on_no_host``: only when the record of the server names no host. ``if_fenced``: only when
    the host has never claimed the action, or is fenced: it may have a guest of the server, which
    can run at one host only. The record then names the source of the server's migration again.
    """

    operation: Operation
    convert: Callable[[Any, str, str], Parameters]
    if_unclaimed: bool = False
    if_on_no_host: bool = False
    if_fenced: bool = False


@dataclass(frozen=True, eq=False)
class NextPhase:
    """What an operation returns when its action continues as another operation, at ``host``. The
    operations of such an action are its phases; each has its own attempts."""

    operation: Operation
    host: str
    parameters: Parameters = NoParameters()


@dataclass(frozen=True, eq=False)
class Operation:
    """``name``: see above; ``event``: the name of an attempt in the history of the server.

    ``is_urgent``: it helps a guest that does not answer, or does not need the answer, so it runs
    before other operations that wait for the server. ``cancels_event_waits``: it cancels the wait
    of a build for an event of another service. ``error_when_given_up``: the vm_state becomes ERROR
    when the process has died in every attempt. ``when_host_is_down``: None: the operation waits for
    its host, because only this host has the server's disks. ``when_rescheduled``: what follows a
    RescheduledException. ``when_it_fails``: the operation that undoes the action at the same host
    after a final failure; it gets RevertParameters with the reason. ``waits_for_slot``: it takes
    long, so only ``max_concurrent_live_migrations`` of them run on a host at a time.
    """

    name: str
    place: Place
    event: str
    parameters: type[Parameters] = NoParameters
    is_urgent: bool = False
    cancels_event_waits: bool = False
    error_when_given_up: bool = False
    when_host_is_down: ContinueAtConductor | None = None
    when_rescheduled: ContinueAtConductor | None = None
    when_it_fails: Operation | None = None
    waits_for_slot: bool = False


@dataclass(frozen=True, eq=False)
class Action:
    """``name``: the name in the history, unless ``shown_as`` is set: two actions may have one name
    there. ``starts_from``: the row in the table of states; None for the creation of a server.

    ``on_host``: the operation for a server that is on a host; a conductor runs it if it must choose
    another host. ``on_conductor``: the operation for a server without a host.
    ``absorb(parameters, ended)`` is set for an action that ends all other actions of the server: it
    gets their rows, and returns the parameters with the things that they leave behind.
    """

    name: str
    shown_as: str | None = None
    starts_from: str | None = None
    on_host: Operation | None = None
    on_conductor: Operation | None = None
    absorb: Callable[[Any, Sequence[Mapping[str, Any]]], Parameters] | None = None

    def operation_at(self, host: str | None) -> Operation:
        operation = self.on_conductor if host is None else self.on_host
        if operation is None:
            raise ValueError(f"{self.name} has no operation for host {host}")
        return operation


class Registry:
    def __init__(self, actions: Sequence[Action], others: Sequence[Operation]):
        """``others``: operations with which no action begins."""
        self.actions = {action.name: action for action in actions}
        begun_with = [
            operation
            for action in actions
            for operation in (action.on_host, action.on_conductor)
            if operation is not None
        ]
        self._operations = {(each.place, each.name): each for each in [*begun_with, *others]}

    def operations(self, place: Place) -> list[Operation]:
        return [each for (where, _), each in self._operations.items() if where is place]

    def find(self, host: str | None, name: str) -> Operation:
        """The operation of a row. Raises UnknownOperation if only a later release knows it."""
        try:
            return self._operations[Place.of(host), name]
        except KeyError:
            raise exception.UnknownOperation(name=name) from None
