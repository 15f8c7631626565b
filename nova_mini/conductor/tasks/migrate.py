"""Choose a destination for a server that moves, and who confirms a move without its source."""

from __future__ import annotations

from collections.abc import Sequence

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.claims import ClaimedAction
from nova_mini.actions.parameters import LiveMigrateParameters, MigrateParameters, NoParameters
from nova_mini.conductor.tasks.scheduling import SchedulingTask
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.notifications import (
    notify_about_compute_task_error,
    notify_about_instance_usage,
)
from nova_mini.objects.compute_node import ComputeNodeList
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance_fault import add_instance_fault
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.objects.service import MOVES_VERSION, ServiceList
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.states import migration_states
from nova_mini.trace import collecting, traced


class MigrationTask(SchedulingTask):
    MINIMUM_VERSION = MOVES_VERSION  # of a destination

    def migrate_servers(self, context: RequestContext, actions: Sequence[ClaimedAction]) -> None:
        """Schedule each server and hand it over to its destination. Without a valid host, a server
        stays where it is."""
        for action in actions:
            with collecting() as action.steps:
                try:
                    self._migrate(context, action)
                except exception.NoValidHost as exc:
                    give_up(action, exc, "resize.error")
                except Exception as exc:
                    action.requeue(exc)

    def _migrate(self, context: RequestContext, action: ClaimedAction) -> None:
        """Raises ActionInterrupted until earlier actions on the server have ended, because they may
        change its volumes and interfaces."""
        if action.has_earlier():
            raise exception.ActionInterrupted(reason="earlier actions are not finished")
        action.migration.lend_allocation()
        selection, alternates = self._choose(context, action)
        action.migration.dest_compute = selection.service_host
        action.migration.dest_zone = selection.availability_zone
        parameters = action.parameters.replace(alternates=[each.as_dict() for each in alternates])
        destination = selection.service_host
        if self._hand_over(action, operations.PREP_RESIZE, destination, parameters):
            self._compute_rpcapi.send(action.context, action.record)

    @traced("MigrationTask._choose")
    def _choose(
        self, context: RequestContext, action: ClaimedAction
    ) -> tuple[Selection, list[Selection]]:
        """The destination, with its claim, and the alternates."""
        parameters: MigrateParameters | LiveMigrateParameters = action.parameters
        tried = parameters.tried
        if len(tried) >= CONF.scheduler.max_attempts:
            reason = parameters.reason or "no reason given"
            raise exception.MaxRetriesExceeded(
                instance_uuid=action.instance.uuid,
                internal=f"tried {', '.join(tried)}; last: {reason}",
            )
        spec = self._spec(context, action)
        alternates = [Selection(**each) for each in parameters.alternates]
        while alternates:
            candidate = alternates.pop(0)
            if spec.claim_host(candidate.service_host):
                return candidate, alternates
        wanted = CONF.scheduler.max_attempts - 1 - len(tried)
        ((selection, *alternates),) = self._ask_scheduler(context, [action], [spec], wanted)
        return selection, alternates

    def _spec(self, context: RequestContext, action: ClaimedAction) -> RequestSpec:
        """What the server requires of its destination. Not saved: the server may come back."""
        instance, migration, parameters = action.instance, action.migration, action.parameters
        spec = RequestSpec.get_by_instance_uuid(context, instance.uuid)
        spec.set_flavor(migration.new_flavor, is_volume_backed=instance.is_volume_backed)
        spec.image_properties = ImageMeta.from_instance(instance).properties
        spec.force_host = spec.force_node = None
        spec.requested_host = parameters.host
        may_stay = migration.is_resize and CONF.allow_resize_to_same_host
        source = [] if may_stay else [migration.source_compute]
        older = older_hosts(context, self.MINIMUM_VERSION)
        unfit = [*older, *_with_other_storage(context, action)]
        spec.ignore_hosts = [*spec.ignore_hosts, *parameters.tried, *source, *unfit]
        return spec


def older_hosts(context: RequestContext, version: int) -> list[str]:
    """The hosts of a release before ``version``, which cannot receive a server."""
    computes = ServiceList.get_all(context, binary="nova-mini-compute")
    return [each.host for each in computes if each.version < version]


def _with_other_storage(context: RequestContext, action: ClaimedAction) -> list[str]:
    """The hosts to which the disks of the server cannot come. Raises NoValidHost with the reason
    if this is the only host that may be chosen."""
    instance, wanted = action.instance, action.parameters.host
    if instance.is_volume_backed and not instance.ephemeral_gb:
        return []
    found = ComputeNodeList.hosts_with_other_storage(context, action.migration.source_compute)
    if wanted in found:
        raise exception.NoValidHost(
            reason="The requested host shares no storage with the host of the server, and disks "
            "are copied only from files to files."
        )
    return found


def give_up(action: ClaimedAction, exc: exception.NovaException, notification: str) -> None:
    """End the action with a fault. The server stays at its source with its old allocation."""
    context, instance = action.context, action.instance
    instance.task_state = None
    action.migration.status = migration_states.ERROR
    add_instance_fault(context, instance, exc, host=None)
    notify_about_instance_usage(context, instance, notification, fault=exc, source="nova-conductor")
    notify_about_compute_task_error(context, instance, notification, exc)
    action.finish(exc)


def confirm_migrations(actions: Sequence[ClaimedAction]) -> None:
    """Let the destinations confirm moves whose source is down: they can remove what only a revert
    would need from shared storage."""
    for action in actions:
        try:
            host = action.instance.host
            if action.hand_over(operations.CONFIRM_AT_DESTINATION, host, NoParameters()):
                compute_rpcapi.ComputeAPI().send(action.context, action.record)
        except Exception as exc:  # the others do not wait for this one
            action.requeue(exc)
