"""Evacuate servers: fence their host, which is down, and choose another one for each."""

from __future__ import annotations

import logging
from collections.abc import Sequence

from nova_mini import db, exception
from nova_mini.actions import operations
from nova_mini.actions.claims import ClaimedAction
from nova_mini.actions.parameters import EvacuateParameters
from nova_mini.conductor import fencing
from nova_mini.conductor.tasks.migrate import MigrationTask, give_up, older_hosts
from nova_mini.context import RequestContext
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.service import EVACUATE_VERSION
from nova_mini.states import vm_states
from nova_mini.trace import collecting, traced

LOG = logging.getLogger(__name__)


class EvacuationTask(MigrationTask):
    def evacuate_servers(self, context: RequestContext, actions: Sequence[ClaimedAction]) -> None:
        """Hand each server over to a destination."""
        for action in actions:
            with collecting() as action.steps:
                try:
                    self._evacuate(context, action)
                except exception.HostNotFenced as exc:
                    _refuse(action, exc)
                except exception.NoValidHost as exc:
                    # As in Nova. The host is known to be dead here, and so is the guest.
                    action.instance.vm_state = vm_states.ERROR
                    _refuse(action, exc)
                except Exception as exc:
                    action.requeue(exc)

    @traced("EvacuationTask._evacuate")
    def _evacuate(self, context: RequestContext, action: ClaimedAction) -> None:
        if not _fence_source(action):
            return
        action.migration.lend_allocation()
        selection, alternates = self._choose(context, action)
        action.migration.dest_compute = selection.service_host
        action.migration.dest_zone = selection.availability_zone
        parameters = action.parameters.replace(alternates=[each.as_dict() for each in alternates])
        destination = selection.service_host
        notify_about_instance_usage(
            context, action.instance, "rebuild.scheduled", source="nova-conductor"
        )
        if self._hand_over(action, operations.EVACUATE_INSTANCE, destination, parameters):
            self._compute_rpcapi.send(action.context, action.record)

    @staticmethod
    def _spec(context: RequestContext, action: ClaimedAction) -> RequestSpec:
        """What the server requires of its destination. Not saved. A server whose disks are in
        shared storage goes to a host that has them: elsewhere it would get new ones from its
        image."""
        instance, migration = action.instance, action.migration
        parameters: EvacuateParameters = action.parameters
        spec = RequestSpec.get_by_instance_uuid(context, instance.uuid)
        spec.set_flavor(instance.flavor, is_volume_backed=instance.is_volume_backed)
        spec.image_properties = ImageMeta.from_instance(instance).properties
        spec.force_host = parameters.host if parameters.force else None
        spec.force_node = None
        spec.requested_host = None if parameters.force else parameters.host
        older = older_hosts(context, EVACUATE_VERSION)
        unusable = [*parameters.tried, migration.source_compute, *older]
        source = db.compute_nodes.get_by_host(migration.source_compute)
        if source and source["disk_pool"] and not instance.is_volume_backed:
            unusable += db.compute_nodes.get_hosts_with_other_storage(source["disk_pool"])
        spec.ignore_hosts = [*spec.ignore_hosts, *unusable]
        return spec


def _fence_source(action: ClaimedAction) -> bool:
    """Fence the source. False if it is being fenced by another conductor, or again: then the action
    is requeued, and waits as long as this takes. Raises HostNotFenced."""
    source = action.migration.source_compute
    try:
        fencing.fence(source)
        if not db.fences.take_server(source, action.migration.uuid):
            raise exception.ActionInterrupted(reason=f"host {source} is fenced again")
    except exception.ActionInterrupted as exc:
        action.requeue(exc, counts=False)
        return False
    return True


def _refuse(action: ClaimedAction, exc: exception.NovaException) -> None:
    """End the evacuation. The server stays at its host."""
    LOG.warning("Instance %s: not evacuated: %s", action.instance.uuid, exc)
    give_up(action, exc, "rebuild.error")
