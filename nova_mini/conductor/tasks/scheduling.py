"""The common part of the tasks that find hosts: call the scheduler, hand each action over to its
host."""

from __future__ import annotations

import functools
import logging
from collections.abc import Sequence
from typing import Any

from nova_mini import disclosure, exception
from nova_mini.actions.claims import ClaimedAction
from nova_mini.actions.errors import OWNERSHIP_LOST
from nova_mini.actions.registry import Operation
from nova_mini.context import RequestContext
from nova_mini.notifications import (
    notify_about_compute_task_error,
    notify_about_instance_usage,
)
from nova_mini.objects.instance_fault import add_instance_fault
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.objects.service import ServiceList
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.scheduler.client import SchedulerQueryClient
from nova_mini.trace import step

LOG = logging.getLogger(__name__)

_ATTEMPTS_WITHOUT_COMPUTES = 4


class SchedulingTask:
    def __init__(self) -> None:
        self._query_client = SchedulerQueryClient()
        self._compute_rpcapi = compute_rpcapi.ComputeAPI()

    def _ask_scheduler(
        self,
        context: RequestContext,
        actions: Sequence[ClaimedAction],
        specs: list[RequestSpec],
        alternates: int,
    ) -> list[list[Selection]]:
        """Return for each action the chosen host, with its claim, and the alternates.

        Raises NoValidHost. Raises ActionInterrupted, for a limited number of attempts, if no
        compute has reported lately: then the broker, the database or all conductors were down.
        """
        ask = functools.partial(
            self._query_client.select_destinations, context, specs, alternates=alternates
        )
        try:
            return ask()
        except exception.GuestOptionNotSupported:
            raise  # no host supports the option
        except exception.NoValidHost:
            may_wait = all(each.attempts <= _ATTEMPTS_WITHOUT_COMPUTES for each in actions)
            if may_wait and _all_computes_are_silent(context):
                raise exception.ActionInterrupted(reason="no compute reports") from None
            return ask()  # a compute may have reported since the scheduler looked

    def _hand_over(
        self, claimed: ClaimedAction, operation: Operation, host: str, parameters: Any
    ) -> bool:
        """Hand the action over to ``host``. Returns False if the action has ended meanwhile. The
        caller sends the cast."""
        try:
            with step("InstanceAction.hand_over"):
                return claimed.hand_over(operation, host, parameters)
        except OWNERSHIP_LOST as exc:
            LOG.info("Instance %s: not sent to a host: %s", claimed.instance.uuid, exc)
            return False

    @staticmethod
    def _fail(claimed: ClaimedAction, exc: Exception, notification: str) -> None:
        """End the action with a fault and release the claimed resources."""
        context, instance = claimed.context, claimed.instance
        reason = disclosure.message_for_operator(exc)
        LOG.warning("Instance %s: no host was found: %s", instance.uuid, reason)
        instance.release_allocation()
        instance.task_state = None
        add_instance_fault(context, instance, exc, host=None)
        notify_about_instance_usage(
            context, instance, notification, fault=exc, source="nova-conductor"
        )
        notify_about_compute_task_error(context, instance, notification, exc)
        claimed.steps = ()
        claimed.finish(exc)


def _all_computes_are_silent(context: RequestContext) -> bool:
    """Whether there are computes that could be used, and none of them has reported lately."""
    computes = ServiceList.get_all(context, binary="nova-mini-compute")
    usable = [each for each in computes if not each.disabled and not each.forced_down]
    return bool(usable) and not any(each.is_alive for each in usable)
