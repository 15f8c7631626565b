"""Choose hosts for new servers, and again after a host failed, and hand the builds over."""

from __future__ import annotations

from collections.abc import Sequence

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.claims import ClaimedAction
from nova_mini.actions.parameters import BuildParameters
from nova_mini.conductor.tasks.scheduling import SchedulingTask
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.states import vm_states
from nova_mini.trace import Steps, collecting, traced


class BuildTask(SchedulingTask):
    # -- the first time ----------------------------------------------------------------------

    def schedule_and_build_instances(
        self, context: RequestContext, actions: list[ClaimedAction], steps: Steps
    ) -> None:
        """Schedule all servers of one request with one call, and cast each build to its host.

        ``steps`` of this task are recorded in the history of each server.
        """
        try:
            choices = self._schedule_instances(context, actions)
        except exception.NoValidHost as exc:
            for action in actions:
                self._give_up(action, exc)
            return
        except Exception as exc:
            for action in actions:
                action.requeue(exc)
            return
        for action, hosts in zip(actions, choices, strict=True):
            alternates = [host.as_dict() for host in hosts[1:]]
            action.steps = steps
            try:
                parameters = action.parameters.replace(alternates=alternates)
                self._send_to_host(action, hosts[0], parameters)
            except Exception as exc:  # the other servers are not affected
                action.requeue(exc)

    @traced("BuildTask._schedule_instances")
    def _schedule_instances(
        self,
        context: RequestContext,
        actions: Sequence[ClaimedAction],
        ignore_hosts: Sequence[str] = (),
    ) -> list[list[Selection]]:
        """Return for each action the chosen host, with its claim, and the alternates."""
        uuids = [action.instance.uuid for action in actions]
        specs = RequestSpec.get_by_instance_uuids(context, uuids)
        for spec in specs:
            spec.ignore_hosts = [*spec.ignore_hosts, *ignore_hosts]
        return self._ask_scheduler(context, actions, specs, CONF.scheduler.max_attempts - 1)

    # -- after a host failed -----------------------------------------------------------------

    def build_instances(self, context: RequestContext, actions: list[ClaimedAction]) -> None:
        """Retry failed builds on the next alternate with room, or schedule them again."""
        for action in actions:
            with collecting() as action.steps:
                try:
                    self._build_elsewhere(context, action)
                except exception.NoValidHost as exc:
                    self._give_up(action, exc)
                except Exception as exc:
                    action.requeue(exc)

    def _build_elsewhere(self, context: RequestContext, action: ClaimedAction) -> None:
        parameters: BuildParameters = action.parameters
        tried = parameters.tried
        if len(tried) >= CONF.scheduler.max_attempts:
            reason = parameters.reason or "no reason given"
            raise exception.MaxRetriesExceeded(
                instance_uuid=action.instance.uuid,
                internal=f"tried {', '.join(tried)}; last: {reason}",
            )
        alternates = list(parameters.alternates)
        spec = RequestSpec.get_by_instance_uuid(context, action.instance.uuid)
        while alternates:
            candidate = Selection(**alternates.pop(0))
            if spec.claim_host(candidate.service_host):
                break
        else:
            hosts = self._schedule_instances(context, [action], ignore_hosts=tried)[0]
            candidate, alternates = hosts[0], [host.as_dict() for host in hosts[1:]]
        self._send_to_host(action, candidate, parameters.replace(alternates=alternates))

    # -- ends --------------------------------------------------------------------------------

    def _send_to_host(
        self, action: ClaimedAction, selection: Selection, parameters: BuildParameters
    ) -> None:
        """Hand the action over to the host. The cast only makes it start at once."""
        action.instance.availability_zone = selection.availability_zone
        operation, host = operations.BUILD_AND_RUN_INSTANCE, selection.service_host
        if self._hand_over(action, operation, host, parameters):
            self._compute_rpcapi.build_and_run_instance(action.context, action.record)

    def _give_up(self, action: ClaimedAction, exc: Exception) -> None:
        action.instance.vm_state = vm_states.ERROR
        self._fail(action, exc, "create.error")
