"""Find a host for a server that is shelved and on none, and hand it over."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.conductor.tasks.placement import PlacementTask
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.trace import collecting, traced

_EVENT = "conductor_unshelve_instances"


class UnshelveTask(PlacementTask):
    def unshelve_instances(self, context, action_ids: list[int]) -> None:
        """Where no host can have it, the server stays as it is."""
        for action in self._claim(context, action_ids, _EVENT):
            with collecting() as steps:
                try:
                    host = self._schedule(context, action)
                    self._send_to_host(context, action, host, steps)
                except exception.NoValidHost as exc:
                    self._fail(context, action, _EVENT, exc, "unshelve.error")
                except Exception as exc:
                    self._put_back(context, [action], _EVENT, exc)

    @traced
    def _schedule(self, context, action: InstanceAction) -> str:
        """The host, claimed; the record is to tell what follows from it. What was asked of the
        server before comes first: a volume that comes or goes is so on every host then."""
        if InstanceAction.has_earlier(context, action.instance_uuid, action.id):
            raise exception.ActionInterrupted(reason="what was asked before is not done yet")
        wishes, instance = action.args["wishes"], action.instance
        spec = RequestSpec.get_by_instance_uuid(context, instance.uuid)
        if "availability_zone" in wishes:
            spec.availability_zone = wishes["availability_zone"]
        # Where it had to be made is no wish for ever; where it shall be now is none for later.
        spec.force_host = spec.force_node = spec.requested_host = None
        lasting = spec.obj_clone()
        spec.requested_host = wishes.get("host")
        ((selection,),) = self._ask_scheduler(context, [action], [spec], alternates=0)
        lasting.save()
        instance.pinned_availability_zone = spec.availability_zone
        instance.availability_zone = selection.availability_zone
        return selection.service_host

    def _send_to_host(self, context, action: InstanceAction, host: str, steps) -> None:
        if self._hand_over(context, action, _EVENT, host, "unshelve_instance", action.args, steps):
            self._compute_rpcapi.send(context, action)
