"""Claim actions, and finish, hand over or requeue them."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from nova_mini import disclosure
from nova_mini.actions.registry import Operation
from nova_mini.actions.running_actions import RunningActions
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction, Steps
from nova_mini.objects.migration import Migration

LOG = logging.getLogger(__name__)


def claim(
    context: RequestContext,
    operation: Operation,
    action_id: int,
    owner: str,
    *,
    host: str | None,
    at: str,
) -> ClaimedAction | None:
    """Claim an action for ``operation``: for ``host``, or (None) for a conductor.

    ``owner`` is the incarnation of this service, ``at`` its host as the history shows it. None when
    there is nothing to do: see :meth:`.InstanceAction.claim`.
    """
    record = InstanceAction.claim(
        context, action_id, owner, host=host, event=operation.event, at=at
    )
    return None if record is None else ClaimedAction(context, operation, record, owner, at)


class ConductorClaims:
    """The actions that one conductor has claimed. ``owner`` is its incarnation."""

    def __init__(self, owner: str):
        self._owner = owner
        self._running = RunningActions()

    @contextlib.contextmanager
    def of(
        self, context: RequestContext, operation: Operation, action_ids: Sequence[int]
    ) -> Iterator[list[ClaimedAction]]:
        """Claim actions; returns those that this conductor could claim. They count as running
        inside."""
        with self._running.entered(action_ids) as ids:
            claims = (
                claim(context, operation, each, self._owner, host=None, at=CONF.host)
                for each in ids
            )
            yield [each for each in claims if each is not None]

    def is_running(self, action_id: int) -> bool:
        return action_id in self._running


class ClaimedAction:
    """An action that this process owns.

    ``context``: of the user who requested the action. ``record``: the row, with the server as it
    was when the action was claimed. ``steps``: the finished steps of the operation.
    """

    def __init__(
        self,
        context: RequestContext,
        operation: Operation,
        record: InstanceAction,
        owner: str,
        at: str,
    ):
        self.context = context
        self.operation = operation
        self.record = record
        self.at = at
        self.steps: Steps = ()
        self.owner = owner

    @property
    def id(self) -> int:
        return self.record.id

    @property
    def instance(self) -> Instance:
        return self.record.instance

    @functools.cached_property
    def parameters(self) -> Any:
        """The parameters, in the class that the operation declares. Raises UnknownParameters."""
        version = self.record.args_version or 1
        return self.operation.parameters.from_args(self.record.args, version)

    @functools.cached_property
    def migration(self) -> Migration:
        """The open migration of the server. Its changes are saved when the turn ends. Raises
        MigrationNotFoundForInstance."""
        return Migration.get_open(self.context, self.instance.uuid)

    def _changed_migration(self) -> Migration | None:
        migration = self.__dict__.get("migration")
        return migration if migration and migration.obj_what_changed() else None

    @property
    def attempts(self) -> int:
        """The number of attempts, with this one. A preempted attempt does not count."""
        return self.record.attempts

    @property
    def is_first_attempt(self) -> bool:
        return self.attempts == 1

    @property
    def has_attempts_left(self) -> bool:
        return self.attempts < CONF.max_action_attempts

    def has_earlier(self) -> bool:
        """Whether the server has an unfinished action that began before this one."""
        return InstanceAction.has_earlier(self.context, self.instance.uuid, self.id)

    # -- ends --------------------------------------------------------------------------------

    def finish(self, exc: BaseException | None = None, *, saves_instance: bool = True) -> None:
        """End the action, with ``exc`` if it failed, in one transaction with the last changes of
        the server and of its migration. Raises InstanceOwnershipLost, InstanceNotFound."""
        InstanceAction.finish(
            self.context,
            self.id,
            self.owner,
            self.operation.event,
            at=self.at,
            instance=self.instance if saves_instance else None,
            migration=self._changed_migration(),
            steps=self.steps,
            traceback=disclosure.traceback_of(exc) if exc else None,
            details=disclosure.message_for_operator(exc) if exc else None,
        )

    def hand_over(
        self,
        operation: Operation,
        host: str | None,
        parameters: Any,
        exc: BaseException | None = None,
        *,
        saves_instance: bool = True,
    ) -> bool:
        """Continue the action as ``operation`` at ``host``, or (None) at a conductor.

        ``exc``: why it cannot continue here. The caller sends the message. Returns False when this
        process does not own the action any more.
        """
        handed_over = InstanceAction.hand_over(
            self.context,
            self.id,
            self.owner,
            self.operation.event,
            at=self.at,
            host=host,
            method=operation.name,
            args=parameters.to_args(),
            args_version=parameters.VERSION,
            instance=self.instance if saves_instance else None,
            migration=self._changed_migration(),
            steps=self.steps,
            traceback=disclosure.traceback_of(exc) if exc else None,
        )
        self.record.host, self.record.method = host, operation.name
        return handed_over

    def requeue(self, exc: BaseException, *, counts: bool = True) -> None:
        """Release the action, so that a conductor sends it again later. ``counts``: whether this
        was one of its ``max_action_attempts``."""
        LOG.warning(
            "Instance %s: %s is requeued: %s",
            self.instance.uuid,
            self.operation.name,
            disclosure.message_for_operator(exc),
        )
        InstanceAction.put_back(
            self.context,
            self.id,
            self.owner,
            self.operation.event,
            reason=type(exc).__name__,
            counts=counts,
        )
