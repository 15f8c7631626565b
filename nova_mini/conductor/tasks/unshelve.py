"""Find a host for an offloaded server and hand the unshelve over."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.claims import ClaimedAction
from nova_mini.conductor.tasks.migrate import older_hosts
from nova_mini.conductor.tasks.scheduling import SchedulingTask
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.service import EVACUATE_VERSION
from nova_mini.trace import collecting, traced


class UnshelveTask(SchedulingTask):
    def unshelve_instances(self, context: RequestContext, actions: list[ClaimedAction]) -> None:
        """Schedule each server and hand it over. Without a valid host, a server stays shelved."""
        for action in actions:
            with collecting() as action.steps:
                try:
                    host = self._schedule(context, action)
                    self._send_to_host(action, host)
                except exception.NoValidHost as exc:
                    self._fail(action, exc, "unshelve.error")
                except Exception as exc:
                    action.requeue(exc)

    @traced("UnshelveTask._schedule")
    def _schedule(self, context: RequestContext, action: ClaimedAction) -> str:
        """Return the chosen host, with its claim, and set the server's zones.

        Raises ActionInterrupted until earlier actions on the server have ended, because they may
        change its volumes.
        """
        if action.has_earlier():
            raise exception.ActionInterrupted(reason="earlier actions are not finished")
        destination, instance = action.parameters.destination, action.instance
        tried = action.parameters.tried
        if len(tried) >= CONF.scheduler.max_attempts:
            raise exception.MaxRetriesExceeded(
                instance_uuid=instance.uuid,
                internal=f"tried {', '.join(tried)}; last: {action.parameters.reason}",
            )
        spec = RequestSpec.get_by_instance_uuid(context, instance.uuid)
        if "availability_zone" in destination:
            spec.availability_zone = destination["availability_zone"]
        # The present values: a rebuild may have changed the image.
        spec.extra_specs = instance.flavor.extra_specs
        spec.image_properties = ImageMeta.from_instance(instance).properties
        # A requested host is valid for one request only, so it is not saved.
        spec.force_host = spec.force_node = spec.requested_host = None
        saved_spec = spec.obj_clone()
        spec.requested_host = destination.get("host")
        if tried:  # hosts of an older release do not know that others have been tried
            older = older_hosts(context, EVACUATE_VERSION)
            spec.ignore_hosts = [*spec.ignore_hosts, *tried, *older]
        ((selection,),) = self._ask_scheduler(context, [action], [spec], alternates=0)
        saved_spec.save()
        instance.pinned_availability_zone = spec.availability_zone
        instance.availability_zone = selection.availability_zone
        return selection.service_host

    def _send_to_host(self, action: ClaimedAction, host: str) -> None:
        if self._hand_over(action, operations.UNSHELVE_INSTANCE, host, action.parameters):
            self._compute_rpcapi.send(action.context, action.record)
