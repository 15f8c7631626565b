"""Place servers on hosts and hand them over, the first time and after a host failed."""

from __future__ import annotations

import functools
import logging
import traceback

from nova_mini import exception
from nova_mini.compute import rpcapi as compute_rpcapi
from nova_mini.compute import vm_states
from nova_mini.compute.utils import add_instance_fault
from nova_mini.conf import CONF
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.objects.service import ServiceList
from nova_mini.scheduler.client import SchedulerQueryClient
from nova_mini.trace import collecting, step, traced

LOG = logging.getLogger(__name__)

_ROUNDS_FOR_SILENT_COMPUTES = 4
_SCHEDULE_EVENT = "conductor_schedule_and_build_instances"
_RESCHEDULE_EVENT = "conductor_build_instances"


class BuildTask:
    """``owner`` is the incarnation of the conductor that does it."""

    def __init__(self, owner: str):
        self._owner = owner
        self._query_client = SchedulerQueryClient()
        self._compute_rpcapi = compute_rpcapi.ComputeAPI()

    # -- the first time ----------------------------------------------------------------------

    def schedule_and_build_instances(self, context, action_ids: list[int]) -> None:
        """All servers of one request: one question to the scheduler, then a cast for each."""
        with collecting() as steps:
            actions = self._claim(context, action_ids, _SCHEDULE_EVENT)
            if not actions:
                return
            try:
                choices = self._schedule_instances(context, actions)
            except exception.NoValidHost as exc:
                for action in actions:
                    self._give_up(context, action, _SCHEDULE_EVENT, exc)
                return
            except Exception as exc:
                self._put_back(context, actions, _SCHEDULE_EVENT, exc)
                return
            for action, hosts in zip(actions, choices, strict=True):
                args = {**action.args, "alternates": [host.as_dict() for host in hosts[1:]]}
                try:
                    self._send_to_host(context, action, _SCHEDULE_EVENT, hosts[0], args, steps)
                except Exception as exc:  # the others shall not wait for this one
                    self._put_back(context, [action], _SCHEDULE_EVENT, exc)

    def _claim(self, context, action_ids: list[int], event: str) -> list[InstanceAction]:
        claims = (
            InstanceAction.claim(
                context, action_id, self._owner, host=None, event=event, at=CONF.host
            )
            for action_id in action_ids
        )
        return [action for action in claims if action is not None]

    @traced
    def _schedule_instances(self, context, actions, ignore_hosts=()) -> list[list[Selection]]:
        """For each action the chosen host, claimed, and its alternates.

        When not one compute has reported lately, it is the conductors, the broker or the database
        that were away: ActionInterrupted, for some rounds, until the computes are heard again.
        """
        uuids = [action.instance_uuid for action in actions]
        specs = RequestSpec.get_by_instance_uuids(context, uuids)
        for spec in specs:
            spec.ignore_hosts = [*spec.ignore_hosts, *ignore_hosts]
        ask = functools.partial(
            self._query_client.select_destinations,
            context,
            specs,
            alternates=CONF.scheduler.max_attempts - 1,
        )
        try:
            return ask()
        except exception.NoValidHost:
            patient = all(each.attempts <= _ROUNDS_FOR_SILENT_COMPUTES for each in actions)
            if patient and _all_computes_are_silent(context):
                raise exception.ActionInterrupted(reason="no compute is heard of") from None
            return ask()  # one may have been heard of since the scheduler looked

    # -- after a host failed -----------------------------------------------------------------

    def build_instances(self, context, action_ids: list[int]) -> None:
        """A host gave the build back: the next alternate that still has room, else ask again."""
        for action in self._claim(context, action_ids, _RESCHEDULE_EVENT):
            try:
                self._build_elsewhere(context, action)
            except exception.NoValidHost as exc:
                self._give_up(context, action, _RESCHEDULE_EVENT, exc)
            except Exception as exc:
                self._put_back(context, [action], _RESCHEDULE_EVENT, exc)

    def _build_elsewhere(self, context, action: InstanceAction) -> None:
        args = dict(action.args)
        tried = args.get("tried", [])
        if len(tried) >= CONF.scheduler.max_attempts:
            raise exception.MaxRetriesExceeded(
                reason=f"Build of instance {action.instance_uuid} failed on "
                f"{', '.join(tried)}: {args.get('reason', 'no reason given')}"
            )
        alternates = args.pop("alternates", [])
        spec = RequestSpec.get_by_instance_uuid(context, action.instance_uuid)
        while alternates:
            candidate = Selection(**alternates.pop(0))
            if spec.claim_host(candidate.service_host):
                break
        else:
            hosts = self._schedule_instances(context, [action], ignore_hosts=tried)[0]
            candidate, alternates = hosts[0], [host.as_dict() for host in hosts[1:]]
        args["alternates"] = alternates
        self._send_to_host(context, action, _RESCHEDULE_EVENT, candidate, args, steps=())

    # -- ends --------------------------------------------------------------------------------

    def _send_to_host(self, context, action, event, selection: Selection, args, steps) -> None:
        """The action is the host's from here; the cast only tells it so at once."""
        instance = action.instance
        instance.availability_zone = selection.availability_zone
        try:
            with step("InstanceAction.hand_over"):
                handed_over = InstanceAction.hand_over(
                    context,
                    action.id,
                    self._owner,
                    event,
                    at=CONF.host,
                    host=selection.service_host,
                    method="build_and_run_instance",
                    args=args,
                    instance=instance,
                    steps=steps,
                )
        except (exception.InstanceNotFound, exception.InstanceOwnershipLost) as exc:
            LOG.info("Instance %s is not to be built any more: %s", instance.uuid, exc)
            return
        if handed_over:
            action.host = selection.service_host
            action.method = "build_and_run_instance"
            self._compute_rpcapi.build_and_run_instance(context, action)

    def _give_up(self, context, action: InstanceAction, event: str, exc: Exception) -> None:
        """No host can have it: ERROR, with a fault that says why; nothing stays claimed."""
        instance = action.instance
        LOG.warning("Instance %s cannot be placed: %s", instance.uuid, exc)
        instance.release_allocation()
        instance.vm_state = vm_states.ERROR
        instance.task_state = None
        add_instance_fault(context, instance, exc, host=None)
        notify_about_instance_usage(context, instance, "create.error", fault=exc)
        InstanceAction.finish(
            context,
            action.id,
            self._owner,
            event,
            at=CONF.host,
            instance=instance,
            traceback="".join(traceback.format_exception(exc)),
        )

    def _put_back(self, context, actions, event: str, exc: Exception) -> None:
        """The scheduler or the bus is away: reconcile will come by again."""
        LOG.warning("Placing %d instance(s) must wait: %s", len(actions), exc)
        for action in actions:
            InstanceAction.put_back(context, action.id, self._owner, event, type(exc).__name__)


def _all_computes_are_silent(context) -> bool:
    """Whether there are computes that could be used, and none of them is heard of."""
    computes = ServiceList.get_all(context, binary="nova-mini-compute")
    usable = [each for each in computes if not each.disabled and not each.forced_down]
    return bool(usable) and not any(each.is_alive for each in usable)
