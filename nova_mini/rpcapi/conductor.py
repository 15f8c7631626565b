"""The RPC client side of the conductors."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import Any

import oslo_messaging as messaging

from nova_mini import exception, rpc
from nova_mini.context import RequestContext
from nova_mini.objects.aggregate import Aggregate
from nova_mini.objects.base import NovaObject
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.rpcapi.heartbeat_queue import Heart
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

# Seconds for which a call is retried while no conductor or no database answers.
_RETRY_TIMEOUT = 300
_CALL_TIMEOUT = 8
_READMIT_TIMEOUT = 150  # seconds; Ceph may be slow
# Before the first conductor has created its queue: fail at once, without a timeout.
_FAIL_WITHOUT_QUEUE = messaging.TransportOptions(at_least_once=True)


class ConductorAPI:
    """Calls ``remotable`` methods of objects for services that have no database.

    Every such method is idempotent (see ``objects.instance_action``), so a call without an answer
    is retried until the conductors, the broker and the database are available again.
    """

    def __init__(self) -> None:
        self._target = messaging.Target(topic=rpc.CONDUCTOR_TOPIC, version="1.0")
        self._heart = Heart()

    def object_class_action_versions(
        self,
        context: RequestContext,
        objname: str,
        objmethod: str,
        object_versions: dict[str, str],
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> Any:
        """Call a class method of an object and return its result."""
        return self._call(
            context,
            "object_class_action_versions",
            objname=objname,
            objmethod=objmethod,
            object_versions=object_versions,
            args=args,
            kwargs=kwargs,
        )

    def object_action(
        self,
        context: RequestContext,
        objinst: NovaObject,
        objmethod: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> tuple[dict[str, Any], Any]:
        """Call a method of an object. Returns what it changed in the object, and its result."""
        return self._call(
            context, "object_action", objinst=objinst, objmethod=objmethod, args=args, kwargs=kwargs
        )

    def report(self, incarnation: str, available: bool) -> None:
        """Send a heartbeat, without waiting for an answer."""
        self._heart.beat(incarnation, available)

    def _call(self, context: RequestContext, method: str, **kwargs: Any) -> Any:
        deadline = time.monotonic() + _RETRY_TIMEOUT
        client = rpc.get_client(self._target).prepare(
            timeout=_CALL_TIMEOUT, retry=1, transport_options=_FAIL_WITHOUT_QUEUE
        )
        while True:
            try:
                return client.call(context, method, **kwargs)
            except (
                *rpc.UNANSWERED,
                messaging.MessageUndeliverable,
                exception.DatabaseUnavailable,
            ) as exc:
                if time.monotonic() > deadline:
                    raise exception.ActionInterrupted(
                        reason="no conductor or no database answers"
                    ) from exc
                LOG.warning("Call of %s: no answer, retrying: %s", kwargs.get("objmethod"), exc)
                time.sleep(0.5)


class ComputeTaskAPI:
    """Casts the tasks that conductors orchestrate."""

    def __init__(self) -> None:
        self._target = messaging.Target(
            topic=rpc.CONDUCTOR_TOPIC, namespace="compute_task", version="1.0"
        )

    @traced("ComputeTaskAPI.schedule_and_build_instances")
    def schedule_and_build_instances(
        self, context: RequestContext, actions: Sequence[InstanceAction]
    ) -> None:
        """Cast the create actions of the servers of one request."""
        ids = [action.id for action in actions]
        self._cast(context, "schedule_and_build_instances", action_ids=ids)

    @traced("ComputeTaskAPI.send")
    def send(self, context: RequestContext, action: InstanceAction) -> None:
        """Cast an action to the conductors."""
        self.run_action(context, action.method, action.id)

    @traced("ComputeTaskAPI.send_to")
    def send_to(self, host: str, context: RequestContext, action: InstanceAction) -> None:
        """Cast an action to the conductor of a host."""
        client = rpc.get_client(self._target).prepare(server=host)
        rpc.cast_hint(client, context, action.method, action_ids=[action.id])

    @traced("ComputeTaskAPI.run_action")
    def run_action(self, context: RequestContext, method: str, action_id: int) -> None:
        """Cast an action, by its id, to the conductors."""
        self._cast(context, method, action_ids=[action_id])

    @traced("ComputeTaskAPI.cache_images")
    def cache_images(
        self, context: RequestContext, aggregate: Aggregate, image_ids: list[str]
    ) -> None:
        """Cast a request that may be lost, because nothing depends on it."""
        self._cast(context, "cache_images", aggregate=aggregate, image_ids=image_ids)

    def readmit_host(self, context: RequestContext, host: str, incarnation: str) -> bool:
        """Call: lift the fence of a host that has returned. Returns False if another process is
        this host's compute now. Raises ActionInterrupted, CephUnavailable."""
        client = rpc.get_client(self._target).prepare(timeout=_READMIT_TIMEOUT)
        return client.call(context, "readmit_host", host=host, incarnation=incarnation)

    def _cast(self, context: RequestContext, method: str, **kwargs: Any) -> None:
        rpc.cast_hint(rpc.get_client(self._target), context, method, **kwargs)
