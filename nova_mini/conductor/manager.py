"""The conductors' RPC endpoints.

A conductor reads and writes the database for the computes (:class:`ConductorManager`) and
orchestrates what takes more than one service (:class:`ComputeTaskManager`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import oslo_messaging as messaging
from oslo_versionedobjects import base as ovo

from nova_mini import db, exception
from nova_mini.actions import operations
from nova_mini.actions.claims import ConductorClaims
from nova_mini.actions.registry import Operation
from nova_mini.conductor import fencing
from nova_mini.conductor.tasks import (
    build,
    cache_images,
    evacuate,
    live_migrate,
    migrate,
    unshelve,
)
from nova_mini.context import RequestContext
from nova_mini.objects.aggregate import Aggregate
from nova_mini.objects.base import NovaObject
from nova_mini.trace import collecting, traced


class ConductorManager:
    """Runs the ``remotable`` methods of objects for services that have no database."""

    target = messaging.Target(version="1.0")

    @messaging.expected_exceptions(exception.NovaException)
    @db.session.errors_named
    def object_class_action_versions(
        self,
        context: RequestContext,
        objname: str,
        objmethod: str,
        object_versions: dict[str, str],
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> Any:
        objclass = NovaObject.obj_class_from_name(objname, object_versions[objname])
        method = _remotable(objclass, objmethod)
        result = method(context, *args, **kwargs)
        if isinstance(result, NovaObject):
            return result.obj_to_primitive(
                target_version=object_versions[objname], version_manifest=object_versions
            )
        return result

    @messaging.expected_exceptions(exception.NovaException)
    @db.session.errors_named
    def object_action(
        self,
        context: RequestContext,
        objinst: NovaObject,
        objmethod: str,
        args: Sequence[Any],
        kwargs: dict[str, Any],
    ) -> tuple[dict[str, Any], Any]:
        """Returns what the method changed in the object, and its result."""
        before = {name: getattr(objinst, name) for name in _set_fields(objinst)}
        result = _remotable(objinst, objmethod)(*args, **kwargs)
        updates = {
            name: objinst.fields[name].to_primitive(objinst, name, getattr(objinst, name))
            for name in _set_fields(objinst)
            if name not in before or getattr(objinst, name) is not before[name]
        }
        updates["obj_what_changed"] = objinst.obj_what_changed()
        return updates, result


def _set_fields(obj: NovaObject) -> list[str]:
    return [name for name in obj.fields if obj.obj_attr_is_set(name)]


def _remotable(
    owner: ovo.VersionedObject | type[ovo.VersionedObject], name: str
) -> Callable[..., Any]:
    """Return the method if other processes may call it. Raises Invalid."""
    method = getattr(owner, name, None)
    if method is None or not getattr(method, "remotable", False):
        raise exception.Invalid(f"{name} of {ovo.VersionedObject.obj_name} is not remotable")
    return method


class ComputeTaskManager:
    """Tasks over several services. Each of them is called with ids of actions, which it claims."""

    target = messaging.Target(namespace="compute_task", version="1.0")

    def __init__(self, owner: str):
        self._builder = build.BuildTask()
        self._migrator = migrate.MigrationTask()
        self._live_migrator = live_migrate.LiveMigrationTask()
        self._evacuator = evacuate.EvacuationTask()
        self._unshelver = unshelve.UnshelveTask()
        self._claims = ConductorClaims(owner)

    def run(self, operation: Operation, context: RequestContext, action_ids: list[int]) -> None:
        """Run the task of an operation, as if its cast had arrived. Called by the reconciler."""
        _TASKS[operation](self, context, action_ids)

    def is_running(self, action_id: int) -> bool:
        return self._claims.is_running(action_id)

    @traced("ComputeTaskManager.schedule_and_build_instances")
    def schedule_and_build_instances(self, context: RequestContext, action_ids: list[int]) -> None:
        """Find hosts for new servers and hand each over. Cast by the API."""
        operation = operations.SCHEDULE_AND_BUILD_INSTANCES
        with collecting() as steps, self._claims.of(context, operation, action_ids) as actions:
            if actions:
                self._builder.schedule_and_build_instances(context, actions, steps)

    @traced("ComputeTaskManager.build_instances")
    def build_instances(self, context: RequestContext, action_ids: list[int]) -> None:
        """Find other hosts after a failed build. Cast by a compute."""
        with self._claims.of(context, operations.BUILD_INSTANCES, action_ids) as actions:
            self._builder.build_instances(context, actions)

    @traced("ComputeTaskManager.cache_images")
    def cache_images(
        self, context: RequestContext, aggregate: Aggregate, image_ids: list[str]
    ) -> None:
        """Cache images on the hosts of an aggregate, as far as possible. Cast by the API. No
        action: nothing depends on it."""
        cache_images.cache_images(context, aggregate, image_ids)

    @traced("ComputeTaskManager.delete_unscheduled_instance")
    def delete_unscheduled_instance(self, context: RequestContext, action_ids: list[int]) -> None:
        """Delete servers that are on no host. Cast by the API."""
        # Imported late: the clients of Neutron and Cinder need 10 MiB and are rarely used.
        from nova_mini.conductor.tasks import delete

        operation = operations.DELETE_UNSCHEDULED_INSTANCE
        with self._claims.of(context, operation, action_ids) as actions:
            delete.delete_unscheduled_instances(context, actions)

    @traced("ComputeTaskManager.unshelve_instance")
    def unshelve_instance(self, context: RequestContext, action_ids: list[int]) -> None:
        """Find hosts for servers that are offloaded. Cast by the API."""
        with self._claims.of(context, operations.FIND_HOST_TO_UNSHELVE, action_ids) as actions:
            self._unshelver.unshelve_instances(context, actions)

    @traced("ComputeTaskManager.migrate_server")
    def migrate_server(self, context: RequestContext, action_ids: list[int]) -> None:
        """Find destinations for servers that move. Cast by the API, and by a destination that has
        refused a server."""
        with self._claims.of(context, operations.MIGRATE_SERVER, action_ids) as actions:
            self._migrator.migrate_servers(context, actions)

    @traced("ComputeTaskManager.evacuate_server")
    def evacuate_server(self, context: RequestContext, action_ids: list[int]) -> None:
        """Find destinations for servers whose host is down. Cast by the API, and by a destination
        that has failed."""
        with self._claims.of(context, operations.EVACUATE_SERVER, action_ids) as actions:
            self._evacuator.evacuate_servers(context, actions)

    @messaging.expected_exceptions(exception.NovaException)
    def readmit_host(self, context: RequestContext, host: str, incarnation: str) -> bool:
        """Lift the fence of a host that has returned: see ``fencing.readmit``. Called by a compute
        that starts."""
        return fencing.readmit(host, incarnation)

    @traced("ComputeTaskManager.confirm_migration")
    def confirm_migration(self, context: RequestContext, action_ids: list[int]) -> None:
        """Give moves whose source is down to their destinations to confirm. Sent by the
        reconciler."""
        with self._claims.of(context, operations.CONFIRM_MIGRATION, action_ids) as actions:
            migrate.confirm_migrations(actions)

    @traced("ComputeTaskManager.live_migrate_instance")
    def live_migrate_instance(self, context: RequestContext, action_ids: list[int]) -> None:
        """Find destinations for guests that move while they run. Cast by the API, and by a
        destination that has refused a guest."""
        with self._claims.of(context, operations.LIVE_MIGRATE_INSTANCE, action_ids) as actions:
            self._live_migrator.live_migrate_instances(context, actions)

    @traced("ComputeTaskManager.find_guest_without_source")
    def find_guest_without_source(self, context: RequestContext, action_ids: list[int]) -> None:
        """Continue live migrations whose source is down. Sent by the reconciler."""
        with self._claims.of(context, operations.FIND_GUEST_WITHOUT_SOURCE, action_ids) as actions:
            live_migrate.find_guests_without_source(actions)

    @traced("ComputeTaskManager.rollback_without_destination")
    def rollback_without_destination(self, context: RequestContext, action_ids: list[int]) -> None:
        """End failed live migrations whose destination is down. Sent by the reconciler."""
        operation = operations.ROLLBACK_WITHOUT_DESTINATION
        with self._claims.of(context, operation, action_ids) as actions:
            live_migrate.roll_back_without_destination(actions)

    @traced("ComputeTaskManager.attach_volume")
    def attach_volume(self, context: RequestContext, action_ids: list[int]) -> None:
        """Attach volumes to servers that are on no host. Cast by the API."""
        from nova_mini.conductor.tasks import shelved_volumes

        operation = operations.CONDUCTOR_ATTACH_VOLUME
        with self._claims.of(context, operation, action_ids) as actions:
            shelved_volumes.attach_volumes(context, actions)

    @traced("ComputeTaskManager.detach_volume")
    def detach_volume(self, context: RequestContext, action_ids: list[int]) -> None:
        """Detach volumes from servers that are on no host. Cast by the API."""
        from nova_mini.conductor.tasks import shelved_volumes

        operation = operations.CONDUCTOR_DETACH_VOLUME
        with self._claims.of(context, operation, action_ids) as actions:
            shelved_volumes.detach_volumes(context, actions)


_TASKS = {
    operations.SCHEDULE_AND_BUILD_INSTANCES: ComputeTaskManager.schedule_and_build_instances,
    operations.BUILD_INSTANCES: ComputeTaskManager.build_instances,
    operations.DELETE_UNSCHEDULED_INSTANCE: ComputeTaskManager.delete_unscheduled_instance,
    operations.FIND_HOST_TO_UNSHELVE: ComputeTaskManager.unshelve_instance,
    operations.MIGRATE_SERVER: ComputeTaskManager.migrate_server,
    operations.EVACUATE_SERVER: ComputeTaskManager.evacuate_server,
    operations.CONFIRM_MIGRATION: ComputeTaskManager.confirm_migration,
    operations.LIVE_MIGRATE_INSTANCE: ComputeTaskManager.live_migrate_instance,
    operations.FIND_GUEST_WITHOUT_SOURCE: ComputeTaskManager.find_guest_without_source,
    operations.ROLLBACK_WITHOUT_DESTINATION: ComputeTaskManager.rollback_without_destination,
    operations.CONDUCTOR_ATTACH_VOLUME: ComputeTaskManager.attach_volume,
    operations.CONDUCTOR_DETACH_VOLUME: ComputeTaskManager.detach_volume,
}
