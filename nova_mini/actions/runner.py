"""Runs the operations of one host.

The message that starts an operation contains the ids of the server and of the action. The operation
is called with an :class:`.OperationContext`, made from the present records in the database.

``@runs(operation)`` on a method of the compute manager makes it the RPC method of that operation.
It stacks four decorators, from the outside in:

``wrap_exception``       logs and notifies about the error of a failed operation
``wrap_instance_event``  claims the action under the server's lock, runs it, and ends it
``reverts_task_state``   a failed operation leaves the server without a task_state
``wrap_instance_fault``  a failed operation gives the server a fault, which its user can read
"""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from typing import Any, Generic, TypeVar

import oslo_messaging as messaging

from nova_mini import disclosure, exception
from nova_mini.actions import preemption
from nova_mini.actions.claims import claim
from nova_mini.actions.context import OperationContext
from nova_mini.actions.errors import OWNERSHIP_LOST
from nova_mini.actions.operations import REGISTRY
from nova_mini.actions.parameters import RevertParameters
from nova_mini.actions.registry import NextPhase, Operation
from nova_mini.actions.running_actions import RunningActions
from nova_mini.actions.server_locks import ServerLocks
from nova_mini.actions.user_contexts import UserContexts
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.notifications import notify_about_exception
from nova_mini.objects.instance_fault import add_instance_fault
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.rpcapi import conductor as conductor_rpcapi
from nova_mini.trace import collecting

LOG = logging.getLogger(__name__)
H = TypeVar("H")
Work = Callable[[Any, OperationContext[Any]], Any]

_OPERATION = "operation"  # attribute of a decorated method
_RESUMING_THREADS = 8
_URGENT_THREADS = 4  # a separate pool: all resuming threads may wait for guests
_MANY_THREADS = 1000  # of live migrations, if their number is not limited


class HostRunner(Generic[H]):
    """``owner`` is the incarnation of the service, ``services`` is ``host`` of every operation.

    ``cancel_event_waits``, ``operation_ended`` and ``ownership_lost`` are called with the uuid of a
    server. Safe for threads.
    """

    def __init__(
        self,
        host: str,
        owner: str,
        services: H,
        *,
        cancel_event_waits: Callable[[str], None],
        operation_ended: Callable[[str], None],
        ownership_lost: Callable[[str], None],
    ):
        self.server_locks = ServerLocks()
        self._host = host
        self._owner = owner
        self._services = services
        self._cancel_event_waits = cancel_event_waits
        self._operation_ended = operation_ended
        self._ownership_lost = ownership_lost
        self._running_actions = RunningActions()
        self._user_contexts = UserContexts()
        self._resuming = futures.ThreadPoolExecutor(_RESUMING_THREADS, "resumed")
        self._urgent = futures.ThreadPoolExecutor(_URGENT_THREADS, "urgent")
        slots = CONF.max_concurrent_live_migrations or _MANY_THREADS
        self._slots = futures.ThreadPoolExecutor(slots, "long")
        # Server -> its operation that waits for a slot, and how it is run.
        self._waiting: dict[str, tuple[futures.Future[None], Callable[[], None]]] = {}
        self._handlers: Mapping[Operation, Callable[..., Any]] = {}

    # -- in the background -------------------------------------------------------------------

    def serve(self, manager: object) -> None:
        """Register the methods of ``manager`` that ``@runs`` has decorated."""
        methods = [getattr(manager, name) for name in dir(type(manager))]
        self._handlers = {
            getattr(method, _OPERATION): method for method in methods if hasattr(method, _OPERATION)
        }

    def resume(self, name: str, uuid: str, action_id: int, context: dict[str, Any]) -> None:
        """Run an operation in a thread of its pool. ``name`` comes from the action's row;
        ``context`` is ``RequestContext.to_dict()`` of the request."""
        try:
            operation = REGISTRY.find(self._host, name)
        except exception.UnknownOperation as exc:
            LOG.error("Instance %s: action %s cannot be resumed: %s", uuid, action_id, exc)
            return
        pool = self._urgent if operation.is_urgent else self._resuming
        pool.submit(self._resume, self._handlers[operation], uuid, action_id, context)

    @staticmethod
    def _resume(
        handler: Callable[..., Any], uuid: str, action_id: int, context: dict[str, Any]
    ) -> None:
        """Make the context in this thread, so that its log lines have the request id."""
        handler(RequestContext.from_dict(context), instance_uuid=uuid, action_id=action_id)

    def submit(self, function: Callable[..., Any], *args: Any) -> None:
        """Run a function in the background."""
        self._resuming.submit(function, *args)

    def stop(self, *, wait: bool = False) -> None:
        """Begin no further operation. ``wait``: until those that run have ended."""
        for pool in (self._resuming, self._urgent, self._slots):
            pool.shutdown(wait=wait, cancel_futures=True)

    # -- a turn ------------------------------------------------------------------------------

    def run(
        self,
        work: Callable[[OperationContext[H]], Any],
        operation: Operation,
        context: RequestContext,
        uuid: str,
        action_id: int,
    ) -> Any:
        """Claim an action, do ``work`` and end the action. Returns the result of ``work``, or None
        when this process cannot claim the action."""
        if operation.cancels_event_waits:
            self._cancel_event_waits(uuid)
        if not self._running_actions.enter(action_id):
            return None
        if operation.waits_for_slot:
            self._enqueue(work, operation, context, uuid, action_id)
            return None
        is_preempted = False
        try:
            with self.server_locks.hold(uuid, urgent=operation.is_urgent):
                claimed = self._claim(context, operation, action_id)
                return None if claimed is None else self._take_turn(claimed, work)
        except exception.Preempted:
            is_preempted = True
        finally:
            self._leave(uuid, action_id)
        if is_preempted:  # the action was left above, so it can be entered again
            self.resume(operation.name, uuid, action_id, context.to_dict())
        return None

    def _claim(
        self, context: RequestContext, operation: Operation, action_id: int
    ) -> OperationContext[H] | None:
        claimed = claim(context, operation, action_id, self._owner, host=self._host, at=self._host)
        if claimed is None:
            return None
        context = self._user_contexts.take(action_id, context)
        return OperationContext(claimed, context, self._services)

    def _leave(self, uuid: str, action_id: int) -> None:
        self._running_actions.leave(action_id)
        self._operation_ended(uuid)

    # -- operations that wait for a slot -------------------------------------------------------

    def _enqueue(
        self,
        work: Callable[[OperationContext[H]], Any],
        operation: Operation,
        context: RequestContext,
        uuid: str,
        action_id: int,
    ) -> None:
        """Claim an entered action, so that no conductor sends it again, and let it wait for a free
        thread. Other operations on the server may run meanwhile."""
        try:
            claimed = self._claim(context, operation, action_id)
        except Exception:
            self._leave(uuid, action_id)
            raise
        if claimed is None:
            self._leave(uuid, action_id)
        else:
            take = functools.partial(self._take_slot, claimed, work)
            future = self._slots.submit(take)
            self._waiting[uuid] = (future, take)
            future.add_done_callback(functools.partial(self._forget_waiting, uuid))

    def _forget_waiting(self, uuid: str, future: futures.Future[None]) -> None:
        if self._waiting.get(uuid, (None,))[0] is future:
            self._waiting.pop(uuid, None)

    def _take_slot(
        self, op: OperationContext[H], work: Callable[[OperationContext[H]], Any]
    ) -> None:
        """Run a claimed operation. No caller waits for its errors."""
        op.context = RequestContext.from_dict(op.context.to_dict())  # for the log of this thread
        uuid = op.instance.uuid
        is_preempted = False
        try:
            with self.server_locks.hold(uuid):
                self._take_turn(op, work)
        except exception.Preempted:
            is_preempted = True
        except Exception as exc:
            LOG.error(
                "Instance %s: %s failed: %s",
                uuid,
                op.operation.name,
                disclosure.message_for_operator(exc),
                exc_info=not isinstance(exc, exception.NovaException),
            )
            notify_about_exception(op.context, exc)
        finally:
            self._leave(uuid, op.id)
        if is_preempted:
            self.resume(op.operation.name, uuid, op.id, op.context.to_dict())

    def run_at_once(self, uuid: str) -> None:
        """Let the operation on a server that waits for a slot run now, if there is one. Called when
        a user has cancelled it."""
        future, take = self._waiting.get(uuid, (None, None))
        if future is not None and take is not None and future.cancel():
            self._resuming.submit(take)

    def _take_turn(
        self, op: OperationContext[H], work: Callable[[OperationContext[H]], Any]
    ) -> Any:
        """Do the work and end the action. Raises Preempted after the action was requeued."""
        is_awaited = functools.partial(self.server_locks.is_urgently_awaited, op.instance.uuid)
        try:
            with collecting() as op.steps, preemption.allowed(is_awaited):
                result = work(op)
            if isinstance(result, NextPhase):
                self._continue(op, result)
                return None
            op.finish()
            return result
        except exception.RescheduledException as exc:
            self._reschedule(op, exc)
        except OWNERSHIP_LOST as exc:
            LOG.info("Instance %s: ownership is lost: %s", op.instance.uuid, exc)
            self._ownership_lost(op.instance.uuid)
        except Exception as exc:
            if op.goes_back(exc):
                self._go_back(op, exc)
                return None
            if not op.will_be_retried(exc):
                with _already_ended_is_fine():
                    op.finish(exc)
                raise
            self._user_contexts.keep(op.id, op.context)
            is_preempted = isinstance(exc, exception.Preempted)
            op.requeue(exc, counts=not is_preempted)
            if is_preempted:
                raise
        return None

    def _continue(
        self, op: OperationContext[H], phase: NextPhase, exc: BaseException | None = None
    ) -> None:
        """Hand the action over to its next phase. The message only makes it start at once.

        Raises InstanceOwnershipLost, InstanceNotFound when the action was superseded meanwhile.
        """
        if op.hand_over(phase.operation, phase.host, phase.parameters, exc):
            compute_rpcapi.ComputeAPI().send(op.context, op.record)

    def _go_back(self, op: OperationContext[H], exc: Exception) -> None:
        """Continue a failed action with the operation that undoes what was done."""
        back = op.operation.when_it_fails
        assert back is not None  # or OperationContext.goes_back() is False
        LOG.warning(
            "Instance %s: %s failed, and the server goes back: %s",
            op.instance.uuid,
            op.operation.name,
            disclosure.message_for_operator(exc),
            exc_info=not isinstance(exc, exception.NovaException),
        )
        reason = disclosure.message_for_user(exc, op.context.request_id)
        with _already_ended_is_fine():
            self._continue(op, NextPhase(back, self._host, RevertParameters(reason)), exc)

    def _reschedule(self, op: OperationContext[H], exc: exception.RescheduledException) -> None:
        LOG.warning("%s", disclosure.message_for_operator(exc))
        conductors = op.operation.when_rescheduled
        if conductors is None:
            raise TypeError(f"{op.operation.name} cannot be rescheduled") from exc
        parameters = conductors.convert(op.parameters, self._host, exc.internal or str(exc))
        with _already_ended_is_fine():
            op.hand_over(conductors.operation, None, parameters, exc)
        task_api = conductor_rpcapi.ComputeTaskAPI()
        task_api.run_action(op.context, conductors.operation.name, op.id)


@contextlib.contextmanager
def _already_ended_is_fine() -> Iterator[None]:
    """Ignore that the action has ended already: the response to an earlier call may be lost."""
    try:
        yield
    except OWNERSHIP_LOST as exc:
        LOG.info("The action has ended, or another process has it: %s", exc)


# -- the decorators ------------------------------------------------------------------------------


def runs(operation: Operation) -> Callable[[Work], Callable[..., Any]]:
    """Make a method ``(self, op)`` of a compute manager the RPC method of ``operation``."""

    def decorate(function: Work) -> Callable[..., Any]:
        wrapped = wrap_instance_fault(function)
        wrapped = reverts_task_state(wrapped)
        wrapped = wrap_instance_event(operation, wrapped)
        wrapped = wrap_exception(wrapped)
        setattr(wrapped, _OPERATION, operation)  # for HostRunner.serve
        return wrapped

    return decorate


def wrap_exception(function: Callable[..., Any]) -> Callable[..., Any]:
    """Log the error of an operation, send the notification ``compute.exception``, and return the
    error to a caller that waits for the result."""

    @functools.wraps(function)
    @messaging.expected_exceptions(exception.NovaException)
    def wrapper(self: Any, context: RequestContext, instance_uuid: str, action_id: int) -> Any:
        try:
            return function(self, context, instance_uuid, action_id)
        except Exception as exc:
            LOG.error(
                "Instance %s: %s failed: %s",
                instance_uuid,
                function.__name__,
                disclosure.message_for_operator(exc),
                exc_info=not isinstance(exc, exception.NovaException),
            )
            notify_about_exception(context, exc)
            raise

    return wrapper


def wrap_instance_event(operation: Operation, function: Work) -> Callable[..., Any]:
    @functools.wraps(function)
    def wrapper(self: Any, context: RequestContext, instance_uuid: str, action_id: int) -> Any:
        work = functools.partial(function, self)
        return self.runner.run(work, operation, context, instance_uuid, action_id)

    return wrapper


def reverts_task_state(function: Work) -> Work:
    @functools.wraps(function)
    def wrapper(self: Any, op: OperationContext[Any]) -> Any:
        try:
            return function(self, op)
        except Exception as exc:
            if op.is_final(exc):
                op.instance.task_state = None  # saved with the end of the action
            raise

    return wrapper


def wrap_instance_fault(function: Work) -> Work:
    @functools.wraps(function)
    def wrapper(self: Any, op: OperationContext[Any]) -> Any:
        try:
            _check_attempts(op)
            return function(self, op)
        except Exception as exc:
            if op.is_final(exc):
                add_instance_fault(op.context, op.instance, exc, op.at)
            raise

    return wrapper


def _check_attempts(op: OperationContext[Any]) -> None:
    """Raises Invalid when the process has died in too many attempts."""
    if op.attempts > CONF.max_action_attempts:
        if op.operation.error_when_given_up:
            op.set_error()  # saved with the end of the action
        raise exception.Invalid(
            f"Gave up on instance {op.instance.uuid} after {op.attempts - 1} interrupted attempts."
        )
