"""Changes of servers, for what must know of each of them: the notification
``compute.instance.update``.

A change is reported by the process that commits it (an API or a conductor), after the commit.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from nova_mini import db
from nova_mini.states import vm_states

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance

# Changes of these columns alone are not reported: Nova has them in another table.
_NOT_REPORTED = frozenset({"network_info"})


class Summary(NamedTuple):
    """The fields of a server whose former values are reported."""

    vm_state: str | None
    task_state: str | None
    display_name: str | None


@dataclass(frozen=True, slots=True)
class Change:
    """``instance`` has its new fields, but ``vm_state`` and ``task_state`` are those of ``after``:
    a deleted server still has its former ones."""

    instance: Instance
    before: Summary
    after: Summary


Listener = Callable[[Change], None]
_listener: Listener | None = None


def listen(listener: Listener | None) -> None:
    """Call ``listener``, which must not raise, after each committed change; None: no longer.

    Called when a service starts.
    """
    global _listener
    _listener = listener


def is_wanted() -> bool:
    return _listener is not None


def report(instance: Instance, names: Collection[str]) -> None:
    """Report that the columns ``names`` change, in the transaction that writes them and before it
    does."""
    if is_wanted() and not _NOT_REPORTED.issuperset(names):
        after = instance.summary()
        before = after if set(Summary._fields).isdisjoint(names) else _before(instance)
        _call_after_commit(Change(instance, before, after))


def delete(instance: Instance) -> None:
    """Mark the server deleted, release its resources, and report this. Idempotent."""
    with db.session.writer():
        before = _before(instance) if is_wanted() else None
        if db.instance_deletion.destroy(instance.uuid) and before is not None:
            after = before._replace(vm_state=vm_states.DELETED, task_state=None)
            _call_after_commit(Change(instance, before, after))


def _before(instance: Instance) -> Summary:
    """What the database has before a change. It is read only for an object that a compute has
    sent: this process has not read it."""
    if instance.stored:
        return instance.stored
    row = db.instances.get_names_and_states(instance.uuid)
    return Summary(**row) if row else instance.summary()


def _call_after_commit(change: Change) -> None:
    listener = _listener
    if listener is not None:
        db.session.call_after_commit(lambda: listener(change))
