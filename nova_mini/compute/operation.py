"""What every operation on a server has around it, told once.

The decorators, from the outside in:

``wrap_exception``       an error of an operation is logged here and goes no further; nobody waits
``wrap_instance_event``  claims the action under the server's lock, keeps its history, ends it
``reverts_task_state``   a failed operation leaves the server without a task
``wrap_instance_fault``  and tells its user why

The message that starts an operation holds only ids; the operation itself is called with the server
and the action's arguments as the database has them at that moment. A process that dies in the
middle leaves an unfinished action behind it, and the same operation is called again with the same
arguments: so every step of it asks what is there before it acts.
"""

from __future__ import annotations

import contextlib
import contextvars
import functools
import logging
import traceback
from collections.abc import Callable, Iterator

import oslo_messaging as messaging
from oslo_concurrency import lockutils

from nova_mini import exception, rpc
from nova_mini.compute import vm_states
from nova_mini.compute.utils import add_instance_fault
from nova_mini.conductor import rpcapi as conductor_rpcapi
from nova_mini.conf import CONF
from nova_mini.objects.block_device_mapping import BlockDeviceMappingList
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.trace import collecting

LOG = logging.getLogger(__name__)

# A neighbour is away: the operation goes on where it was when the neighbour is back.
_TRANSIENT = (
    exception.ActionInterrupted,
    exception.CephUnavailable,
    exception.CinderConnectionFailed,
    exception.GlanceConnectionFailed,
    exception.HypervisorUnavailable,
    exception.NeutronConnectionFailed,
    exception.RbdImageBusy,
    *rpc.UNANSWERED,
)
# The server is somebody else's, or nobody's: whoever has it now cleans up.
LOST = (exception.InstanceOwnershipLost, exception.InstanceNotFound)

_action: contextvars.ContextVar[InstanceAction] = contextvars.ContextVar("action")


def will_be_tried_again(exc: BaseException) -> bool:
    """Whether this failure of the running operation is only a pause."""
    tries_left = _action.get().attempts < CONF.max_action_attempts
    return isinstance(exc, _TRANSIENT) and tries_left


def is_first_attempt() -> bool:
    """Whether nobody has begun the running operation before."""
    return _action.get().attempts == 1


def block_device_mappings() -> BlockDeviceMappingList:
    """The disks of the server, as they were when the running operation was claimed."""
    return _action.get().block_device_mappings


def await_earlier_actions(context) -> None:
    """Raises ActionInterrupted while something goes on that was asked of the server before the
    running operation: volumes and interfaces come and go without a task_state."""
    action = _action.get()
    if InstanceAction.has_earlier(context, action.instance_uuid, action.id):
        raise exception.ActionInterrupted(reason="what was asked before is not done yet")


def wrap_exception(function: Callable) -> Callable:
    """Log what an operation failed with; a caller that waits for an answer gets it."""

    @functools.wraps(function)
    @messaging.expected_exceptions(exception.NovaException)
    def wrapper(self, context, instance_uuid: str, action_id: int):
        try:
            return function(self, context, instance_uuid, action_id)
        except Exception as exc:
            LOG.error(
                "%s of instance %s failed: %s", function.__name__, instance_uuid, exc,
                exc_info=not isinstance(exc, exception.NovaException),
            )  # fmt: skip
            raise

    return wrapper


def wrap_instance_event(function: Callable) -> Callable:
    event = f"compute_{function.__name__}"

    @functools.wraps(function)
    def wrapper(self, context, instance_uuid: str, action_id: int):
        if not self.running_actions.enter(action_id):
            return None
        try:
            with lockutils.lock(f"{self.host}:{instance_uuid}"):
                action = InstanceAction.claim(
                    context, action_id, self.owner, host=self.host, event=event, at=self.host
                )
                if action is None:
                    return None
                context = self.waiting_contexts.take(action_id, context)
                return _run(self, context, function, action, event)
        finally:
            self.running_actions.leave(action_id)

    return wrapper


def _run(manager, context, function: Callable, action: InstanceAction, event: str):
    """Do a claimed action and write how it ended."""
    token = _action.set(action)
    end = functools.partial(_End, manager, context, action, event)
    try:
        with collecting() as steps:
            result = function(manager, context, action.instance, **action.args)
        end(steps).success()
        return result
    except exception.RescheduledException as exc:
        end(steps).reschedule(exc, manager.host)
    except LOST as exc:
        LOG.info("Instance %s is not ours any more: %s", action.instance_uuid, exc)
        manager.destroy_leftover(action.instance_uuid)
    except Exception as exc:
        if will_be_tried_again(exc):
            manager.waiting_contexts.keep(action.id, context)
            end(steps).put_back(exc)
        else:
            end(steps).failure(exc)
            raise
    finally:
        _action.reset(token)
    return None


class _End:
    """The ways in which an operation's turn can end."""

    def __init__(self, manager, context, action: InstanceAction, event: str, steps):
        self._context = context
        self._action = action
        self._key = (context, action.id, manager.owner, event)
        self._walked = {"at": manager.host, "steps": steps}

    def success(self) -> None:
        """The last changes of the server and the end of the action are one transaction."""
        InstanceAction.finish(*self._key, **self._walked, instance=self._action.instance)

    def failure(self, exc: Exception) -> None:
        with _twice_is_once():
            InstanceAction.finish(
                *self._key,
                **self._walked,
                instance=self._action.instance,
                traceback="".join(traceback.format_exception(exc)),
                details=exc.format_message() if isinstance(exc, exception.NovaException) else None,
            )

    def put_back(self, exc: Exception) -> None:
        LOG.warning("Instance %s must wait: %s", self._action.instance_uuid, exc)
        InstanceAction.put_back(*self._key, reason=type(exc).__name__)

    def reschedule(self, exc: exception.RescheduledException, host: str) -> None:
        """Back to the conductors, who choose the next host."""
        LOG.warning("%s", exc)
        args = self._action.args
        with _twice_is_once():
            InstanceAction.hand_over(
                *self._key,
                **self._walked,
                host=None,
                method="build_instances",
                args={**args, "tried": [*args.get("tried", []), host], "reason": str(exc)},
                instance=self._action.instance,
                traceback="".join(traceback.format_exception(exc)),
            )
        task_api = conductor_rpcapi.ComputeTaskAPI()
        task_api.run_action(self._context, "build_instances", self._action.id)


@contextlib.contextmanager
def _twice_is_once() -> Iterator[None]:
    """An end whose answer was lost is told again, and the action is not ours any more then."""
    try:
        yield
    except LOST as exc:
        LOG.info("The action has ended, or another process has it: %s", exc)


def _is_verdict(exc: Exception) -> bool:
    """Whether the failure is final and the server still ours to say so of it."""
    if isinstance(exc, (*LOST, exception.RescheduledException)):
        return False
    return not will_be_tried_again(exc)


def reverts_task_state(function: Callable) -> Callable:
    @functools.wraps(function)
    def wrapper(self, context, instance, **args):
        try:
            _check_attempts(instance)
            return function(self, context, instance, **args)
        except Exception as exc:
            if _is_verdict(exc):
                instance.task_state = None  # saved with the end of the action
            raise

    return wrapper


def _check_attempts(instance) -> None:
    """An operation whose process dies each time is not begun for ever."""
    attempts = _action.get().attempts
    if attempts > CONF.max_action_attempts:
        raise exception.Invalid(
            f"Gave up on instance {instance.uuid} after {attempts - 1} interrupted attempts."
        )


def wrap_instance_fault(function: Callable) -> Callable:
    @functools.wraps(function)
    def wrapper(self, context, instance, **args):
        try:
            return function(self, context, instance, **args)
        except Exception as exc:
            if _is_verdict(exc):
                add_instance_fault(context, instance, exc, self.host)
            raise

    return wrapper


@contextlib.contextmanager
def error_on_failure(instance) -> Iterator[None]:
    """A failure inside is such that the server is broken by it: ERROR, saved with the action."""
    try:
        yield
    except Exception as exc:
        if _is_verdict(exc):
            instance.vm_state = vm_states.ERROR
        raise


def operation(function: Callable) -> Callable:
    """All four around an operation of the compute manager."""
    wrapped = wrap_instance_event(reverts_task_state(wrap_instance_fault(function)))
    return wrap_exception(wrapped)
