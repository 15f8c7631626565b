"""The conductors' RPC endpoints.

A conductor reads and writes the database for the computes (:class:`ConductorManager`) and
orchestrates what takes more than one service (:class:`ComputeTaskManager`).
"""

from __future__ import annotations

import oslo_messaging as messaging
from oslo_versionedobjects import base as ovo

from nova_mini import db, exception
from nova_mini.conductor.tasks import build, cache_images, unshelve
from nova_mini.objects.base import NovaObject
from nova_mini.running_actions import RunningActions
from nova_mini.trace import traced


class ConductorManager:
    """Runs the ``remotable`` methods of objects for services that have no database."""

    target = messaging.Target(version="1.0")

    @messaging.expected_exceptions(exception.NovaException)
    @db.session.errors_named
    def object_class_action_versions(
        self, context, objname, objmethod, object_versions, args, kwargs
    ):
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
    def object_action(self, context, objinst, objmethod, args, kwargs):
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


def _remotable(owner, name: str):
    """The method, if it is one that may be called from another process."""
    method = getattr(owner, name, None)
    if method is None or not getattr(method, "remotable", False):
        raise exception.Invalid(f"{name} of {ovo.VersionedObject.obj_name} is not remotable")
    return method


class ComputeTaskManager:
    """Tasks over several services; each is an action that this conductor claims first."""

    target = messaging.Target(namespace="compute_task", version="1.0")

    def __init__(self, owner: str):
        self._owner = owner
        self._builder = build.BuildTask(owner)
        self._unshelver = unshelve.UnshelveTask(owner)
        self.running_actions = RunningActions()

    @traced
    def schedule_and_build_instances(self, context, action_ids: list[int]) -> None:
        """Place new servers and hand each to its host. Cast by the API."""
        with self.running_actions.entered(action_ids) as ids:
            self._builder.schedule_and_build_instances(context, ids)

    @traced
    def build_instances(self, context, action_ids: list[int]) -> None:
        """A host could not build: go on with the next. Cast by a compute."""
        with self.running_actions.entered(action_ids) as ids:
            self._builder.build_instances(context, ids)

    @traced
    def cache_images(self, context, hosts: list[str], image_ids: list[str]) -> None:
        """Bring images to hosts' caches, as well as can be. Cast by the API."""
        cache_images.cache_images(context, hosts, image_ids)

    @traced
    def delete_unscheduled_instance(self, context, action_ids: list[int]) -> None:
        """Delete servers that are on no host. Cast by the API."""
        # With it come the clients of Neutron and Cinder: 10 MiB that most conductors never need.
        from nova_mini.conductor.tasks import delete

        with self.running_actions.entered(action_ids) as ids:
            delete.delete_unscheduled_instances(context, ids, self._owner)

    @traced
    def unshelve_instance(self, context, action_ids: list[int]) -> None:
        """Find hosts for servers that are shelved and on none. Cast by the API."""
        with self.running_actions.entered(action_ids) as ids:
            self._unshelver.unshelve_instances(context, ids)

    @traced
    def attach_volume(self, context, action_ids: list[int]) -> None:
        """Volumes were given to servers that are on no host. Cast by the API."""
        from nova_mini.conductor.tasks import shelved_volumes

        with self.running_actions.entered(action_ids) as ids:
            shelved_volumes.attach_volumes(context, ids, self._owner)

    @traced
    def detach_volume(self, context, action_ids: list[int]) -> None:
        """Take volumes from servers that are on no host. Cast by the API."""
        from nova_mini.conductor.tasks import shelved_volumes

        with self.running_actions.entered(action_ids) as ids:
            shelved_volumes.detach_volumes(context, ids, self._owner)
