"""Shelve and unshelve servers."""

from __future__ import annotations

import dataclasses

from nova_mini import exception
from nova_mini.actions import operations
from nova_mini.actions.parameters import (
    UnshelveDestination,
    UnshelveParameters,
)
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import destination, vtpm_checks
from nova_mini.context import RequestContext
from nova_mini.external import shelved_image
from nova_mini.objects.instance import Instance
from nova_mini.states import state_checks, task_states


class Shelve(Base):
    def shelve(self, context: RequestContext, instance: Instance) -> None:
        """Save the root disk as an image, unless it is a volume, and remove the server from its
        host.

        Raises OperationNotSupportedForVTPM, and the errors of Glance; the server is unchanged then.
        First deletes the image of an earlier shelve that an administrator ended, because its id is
        about to be overwritten.
        """
        allowed = state_checks.check(context, instance, "shelve")
        vtpm_checks.refuse(instance, "shelve")
        if shelved_image.id_of(instance):
            shelved_image.delete(self.image_api, context, instance)
        if not instance.is_volume_backed:
            shelved_image.announce(context, instance)
        instance.task_state = task_states.SHELVING
        action = self._begin(context, instance, operations.SHELVE, allowed)
        if not instance.is_volume_backed:
            try:
                self.image_api.create(context, shelved_image.record(context, instance))
            except exception.NovaException:
                shelved_image.forget(instance)
                action.abandon(context, instance)
                raise
        self._send(context, action)

    def shelve_offload(self, context: RequestContext, instance: Instance) -> None:
        """Remove a shelved server from its host."""
        self._act(context, instance, operations.SHELVE_OFFLOAD, task_states.SHELVING_OFFLOADING)

    def unshelve(
        self, context: RequestContext, instance: Instance, requested: UnshelveDestination
    ) -> None:
        """Start a shelved server on its host or, if it is offloaded, on a host chosen now.

        Only an offloaded server may have a requested destination. Raises the errors of
        ``destination.check_unshelve``.
        """
        allowed = state_checks.check(context, instance, "unshelve")
        if requested:
            destination.check_unshelve(context, self.volume_api, instance, requested)
        instance.task_state = task_states.UNSHELVING
        allowed = dataclasses.replace(allowed, vm_states=(instance.vm_state,))
        parameters = UnshelveParameters(requested)
        action = self._begin(context, instance, operations.UNSHELVE, allowed, parameters)
        self._send(context, action)
