"""Place servers on hosts and hand them over, the first time and after a host failed."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.compute import vm_states
from nova_mini.conductor.tasks.placement import PlacementTask
from nova_mini.conf import CONF
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.trace import collecting, traced

_SCHEDULE_EVENT = "conductor_schedule_and_build_instances"
_RESCHEDULE_EVENT = "conductor_build_instances"


class BuildTask(PlacementTask):
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

    @traced
    def _schedule_instances(self, context, actions, ignore_hosts=()) -> list[list[Selection]]:
        """For each action the chosen host, claimed, and its alternates."""
        uuids = [action.instance_uuid for action in actions]
        specs = RequestSpec.get_by_instance_uuids(context, uuids)
        for spec in specs:
            spec.ignore_hosts = [*spec.ignore_hosts, *ignore_hosts]
        return self._ask_scheduler(context, actions, specs, CONF.scheduler.max_attempts - 1)

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
        action.instance.availability_zone = selection.availability_zone
        host, method = selection.service_host, "build_and_run_instance"
        if self._hand_over(context, action, event, host, method, args, steps):
            self._compute_rpcapi.build_and_run_instance(context, action)

    def _give_up(self, context, action: InstanceAction, event: str, exc: Exception) -> None:
        action.instance.vm_state = vm_states.ERROR
        self._fail(context, action, event, exc, "create.error")
