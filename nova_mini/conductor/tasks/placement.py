"""What every task has that finds hosts for servers: it claims actions, asks the scheduler, and
hands each action to its host, gives it up or puts it back."""

from __future__ import annotations

import functools
import logging
import traceback
from collections.abc import Sequence

from nova_mini import exception
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.compute.utils import add_instance_fault
from nova_mini.conf import CONF
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.objects.service import ServiceList
from nova_mini.scheduler.client import SchedulerQueryClient
from nova_mini.trace import step

LOG = logging.getLogger(__name__)

_ROUNDS_FOR_SILENT_COMPUTES = 4


class PlacementTask:
    """``owner`` is the incarnation of the conductor that does it."""

    def __init__(self, owner: str):
        self._owner = owner
        self._query_client = SchedulerQueryClient()
        self._compute_rpcapi = compute_rpcapi.ComputeAPI()

    def _claim(self, context, action_ids: list[int], event: str) -> list[InstanceAction]:
        claims = (
            InstanceAction.claim(
                context, action_id, self._owner, host=None, event=event, at=CONF.host
            )
            for action_id in action_ids
        )
        return [action for action in claims if action is not None]

    def _ask_scheduler(
        self,
        context,
        actions: Sequence[InstanceAction],
        specs: list[RequestSpec],
        alternates: int,
    ) -> list[list[Selection]]:
        """For each action, of which ``specs`` has the wishes, the chosen host, claimed, and its
        alternates. Raises NoValidHost.

        When not one compute has reported lately, it is the conductors, the broker or the database
        that were away: ActionInterrupted, for some rounds, until the computes are heard again.
        """
        ask = functools.partial(
            self._query_client.select_destinations, context, specs, alternates=alternates
        )
        try:
            return ask()
        except exception.NoValidHost:
            patient = all(each.attempts <= _ROUNDS_FOR_SILENT_COMPUTES for each in actions)
            if patient and _all_computes_are_silent(context):
                raise exception.ActionInterrupted(reason="no compute is heard of") from None
            return ask()  # one may have been heard of since the scheduler looked

    # -- ends --------------------------------------------------------------------------------

    def _hand_over(
        self, context, action: InstanceAction, event: str, host: str, method: str, args: dict, steps
    ) -> bool:
        """The action is the host's from here, to be done by its ``method``; False when nobody is to
        do it any more. Who calls tells the host of it."""
        try:
            with step("InstanceAction.hand_over"):
                handed_over = InstanceAction.hand_over(
                    context,
                    action.id,
                    self._owner,
                    event,
                    at=CONF.host,
                    host=host,
                    method=method,
                    args=args,
                    instance=action.instance,
                    steps=steps,
                )
        except (exception.InstanceNotFound, exception.InstanceOwnershipLost) as exc:
            LOG.info("%s of instance %s is off: %s", action.action, action.instance_uuid, exc)
            return False
        action.host, action.method = host, method
        return handed_over

    def _fail(
        self, context, action: InstanceAction, event: str, exc: Exception, notification: str
    ) -> None:
        """No host can have the server: a fault says why, and nothing stays claimed."""
        instance = action.instance
        LOG.warning("Instance %s cannot be placed: %s", instance.uuid, exc)
        instance.release_allocation()
        instance.task_state = None
        add_instance_fault(context, instance, exc, host=None)
        notify_about_instance_usage(context, instance, notification, fault=exc)
        InstanceAction.finish(
            context,
            action.id,
            self._owner,
            event,
            at=CONF.host,
            instance=instance,
            traceback="".join(traceback.format_exception(exc)),
            details=exc.format_message() if isinstance(exc, exception.NovaException) else None,
        )

    def _put_back(self, context, actions: Sequence[InstanceAction], event: str, exc) -> None:
        """The scheduler or the bus is away: reconcile will come by again."""
        LOG.warning("Placing %d instance(s) must wait: %s", len(actions), exc)
        for action in actions:
            InstanceAction.put_back(context, action.id, self._owner, event, type(exc).__name__)


def _all_computes_are_silent(context) -> bool:
    """Whether there are computes that could be used, and none of them is heard of."""
    computes = ServiceList.get_all(context, binary="nova-mini-compute")
    usable = [each for each in computes if not each.disabled and not each.forced_down]
    return bool(usable) and not any(each.is_alive for each in usable)
