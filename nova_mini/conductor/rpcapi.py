"""The calling side of the conductors."""

from __future__ import annotations

import logging
import time

import oslo_messaging as messaging

from nova_mini import exception, rpc
from nova_mini.conductor.heartbeat_queue import Heart
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

# How long a compute goes on asking when no conductor or no database answers, in seconds.
_PATIENCE = 300
_CALL_TIMEOUT = 8
# Before the first conductor has made its queue: an error at once, not a timeout.
_SAY_IF_NOBODY_IS_THERE = messaging.TransportOptions(at_least_once=True)


class ConductorAPI:
    """What the objects of a service without a database do their ``remotable`` methods with.

    Every such method may be called twice (see ``objects.instance_action``), so a call whose answer
    was lost is made again, until the conductors, the broker and the database are back.
    """

    def __init__(self):
        self._target = messaging.Target(topic=rpc.CONDUCTOR_TOPIC, version="1.0")
        self._heart = Heart()

    def object_class_action_versions(
        self, context, objname, objmethod, object_versions, args, kwargs
    ):
        return self._call(
            context,
            "object_class_action_versions",
            objname=objname,
            objmethod=objmethod,
            object_versions=object_versions,
            args=args,
            kwargs=kwargs,
        )

    def object_action(self, context, objinst, objmethod, args, kwargs):
        return self._call(
            context, "object_action", objinst=objinst, objmethod=objmethod, args=args, kwargs=kwargs
        )

    def report(self, incarnation: str, available: bool) -> None:
        """A heartbeat: nobody waits for it."""
        self._heart.beat(incarnation, available)

    def _call(self, context, method: str, **kwargs):
        deadline = time.monotonic() + _PATIENCE
        client = rpc.get_client(self._target).prepare(
            timeout=_CALL_TIMEOUT, retry=1, transport_options=_SAY_IF_NOBODY_IS_THERE
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
                LOG.warning("Asking a conductor again for %s: %s", kwargs.get("objmethod"), exc)
                time.sleep(0.5)


class ComputeTaskAPI:
    """Casts the tasks that conductors orchestrate."""

    def __init__(self):
        self._target = messaging.Target(
            topic=rpc.CONDUCTOR_TOPIC, namespace="compute_task", version="1.0"
        )

    @traced
    def schedule_and_build_instances(self, context, action_ids: list[int]) -> None:
        """Servers of one request, recorded and not yet placed."""
        self._cast(context, "schedule_and_build_instances", action_ids=action_ids)

    @traced
    def run_action(self, context, method: str, action_id: int) -> None:
        """An action that waits for any conductor."""
        self._cast(context, method, action_ids=[action_id])

    @traced
    def cache_images(self, context, hosts: list[str], image_ids: list[str]) -> None:
        """Lost with the message: nothing depends on it."""
        self._cast(context, "cache_images", hosts=hosts, image_ids=image_ids)

    def _cast(self, context, method: str, **kwargs) -> None:
        rpc.cast_hint(rpc.get_client(self._target), context, method, **kwargs)
