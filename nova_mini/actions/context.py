"""The context of an operation that runs on a host."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from nova_mini import disclosure, exception
from nova_mini.actions.claims import ClaimedAction
from nova_mini.actions.errors import OWNERSHIP_LOST, RETRYABLE
from nova_mini.context import RequestContext
from nova_mini.notifications import (
    Event,
    notify_about_instance_action,
    notify_about_instance_usage,
    notify_usage_exists,
)
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.states import vm_states

LOG = logging.getLogger(__name__)
H = TypeVar("H")


class OperationContext(ClaimedAction, Generic[H]):
    """The argument of every operation. ``host``: the parts of the compute service that operations
    use, see :class:`nova_mini.compute.host.host_services.HostServices`."""

    def __init__(self, claimed: ClaimedAction, context: RequestContext, host: H):
        super().__init__(context, claimed.operation, claimed.record, claimed.owner, claimed.at)
        self.host = host
        self._followers: list[Callable[[], object]] = []

    def finish(self, exc: BaseException | None = None, *, saves_instance: bool = True) -> None:
        super().finish(exc, saves_instance=saves_instance)
        if exc is None:
            for follow in self._followers:
                follow()

    def when_finished(self, follow: Callable[[], object]) -> None:
        """Call ``follow`` after the success of the action is in the database, for messages that are
        wrong before. They are hints: the process may die before it calls."""
        self._followers.append(follow)

    @property
    def block_device_mappings(self) -> BlockDeviceMappingList:
        """The disks of the server, as they were when the action was claimed."""
        return self.record.block_device_mappings

    def notify(self, event: str, **details: Any) -> None:
        """Send the notification ``compute.instance.EVENT`` of the server."""
        notify_about_instance_usage(self.context, self.instance, event, **details)

    def notify_versioned(self, action: str, phase: str, **details: Any) -> None:
        """Send the notification ``instance.ACTION.PHASE``, which exists only versioned."""
        event = Event(action, phase)
        notify_about_instance_action(self.context, self.instance, event, **details)

    @contextlib.contextmanager
    def notified(self, action: str, **details: Any) -> Iterator[None]:
        """Send the versioned ``instance.ACTION.start``, and after a final failure of the work
        inside ``instance.ACTION.error``."""
        self.notify_versioned(action, "start", **details)
        try:
            yield
        except Exception as exc:
            if self.is_final(exc):
                self.notify_versioned(action, "error", fault=exc, **details)
            raise

    @contextlib.contextmanager
    def error_notified(self, event: str) -> Iterator[None]:
        """Send the notification ``compute.instance.EVENT.error`` after a final failure of the work
        inside."""
        try:
            yield
        except Exception as exc:
            if self.is_final(exc):
                self.notify(f"{event}.error", fault=exc)
            raise

    def notify_usage(self) -> None:
        """Send the notification ``compute.instance.exists`` of the current audit period."""
        notify_usage_exists(self.context, self.instance)

    # -- order -------------------------------------------------------------------------------

    def await_earlier_actions(self) -> None:
        """Raises ActionInterrupted while an earlier action of the server is unfinished.

        For actions on volumes and interfaces, which have no task_state: other actions may begin
        before they are finished.
        """
        if self.has_earlier():
            raise exception.ActionInterrupted(reason="earlier actions are not finished")

    def is_superseded_by_later(self, action_name: str) -> bool:
        """Whether an action with the name ``action_name`` was requested after this one."""
        return InstanceAction.has_later(self.context, self.instance.uuid, self.id, action_name)

    # -- failure -----------------------------------------------------------------------------

    def will_be_retried(self, exc: BaseException) -> bool:
        if isinstance(exc, exception.Preempted):
            return True
        return isinstance(exc, RETRYABLE) and self.has_attempts_left

    def is_final(self, exc: BaseException) -> bool:
        """Whether this error ends the action, and this process still owns the server."""
        return self._fails(exc) and self.operation.when_it_fails is None

    def goes_back(self, exc: BaseException) -> bool:
        """Whether another operation undoes the action after this error."""
        return self._fails(exc) and self.operation.when_it_fails is not None

    def _fails(self, exc: BaseException) -> bool:
        if isinstance(exc, (*OWNERSHIP_LOST, exception.RescheduledException)):
            return False
        return not self.will_be_retried(exc)

    @contextlib.contextmanager
    def compensate(
        self, undo: Callable[[], object], *, also_on: tuple[type[BaseException], ...] = ()
    ) -> Iterator[None]:
        """Call ``undo`` when the work inside ends with a final failure.

        ``undo`` is not called when the operation is retried, as the next attempt uses the results
        of this one; nor after an error which means that the server has another owner now, because
        that owner cleans up. ``also_on``: errors of this second kind after which ``undo`` is called
        nevertheless.
        """
        try:
            yield
        except Exception as exc:
            if self.is_final(exc) or isinstance(exc, also_on):
                LOG.warning(
                    "Instance %s: %s failed and is undone: %s",
                    self.instance.uuid,
                    self.operation.name,
                    disclosure.message_for_operator(exc),
                )
                undo()
            raise

    @contextlib.contextmanager
    def error_on_failure(self) -> Iterator[None]:
        """Set the vm_state to ERROR when the work inside ends with a final failure. It is saved
        with the end of the action."""
        try:
            yield
        except Exception as exc:
            if self.is_final(exc):
                self.set_error()
            raise

    def set_error(self) -> None:
        """Set the vm_state to ERROR. A soft-deleted server keeps its state: it uses no quota, and
        its delete is repeated."""
        if self.instance.vm_state != vm_states.SOFT_DELETED:
            self.instance.vm_state = vm_states.ERROR
