"""What all methods share: the clients of other services, and how an intent begins."""

from __future__ import annotations

from typing import Any

from nova_mini import exception
from nova_mini.actions import intents
from nova_mini.actions.parameters import Parameters
from nova_mini.actions.registry import Action
from nova_mini.compute.requests.image_records import ImageRecords
from nova_mini.context import RequestContext
from nova_mini.image import glance
from nova_mini.network import neutron
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.rpcapi import compute as compute_rpcapi
from nova_mini.rpcapi import conductor as conductor_rpcapi
from nova_mini.states import state_checks
from nova_mini.volume import cinder


class Base:
    """The base of the parts of ``API``."""

    def __init__(self) -> None:
        self.compute_task_api = conductor_rpcapi.ComputeTaskAPI()
        self.compute_rpcapi = compute_rpcapi.ComputeAPI()
        self.network_api = neutron.API()
        self.image_api = glance.API()
        self.volume_api = cinder.API()
        self.image_records = ImageRecords(self.image_api)

    def _get_image(self, context: RequestContext, image_ref: str) -> ImageMeta:
        try:
            return self.image_records.get(context, image_ref)
        except (exception.ImageNotFound, exception.ImageNotAuthorized) as exc:
            raise exception.InvalidInput(
                reason=f"Can not find requested image {image_ref}"
            ) from exc

    def _act(
        self, context: RequestContext, instance: Instance, action: Action, task_state: str
    ) -> None:
        """Begin and send an action without parameters."""
        allowed = state_checks.check(context, instance, action.starts_from or action.name)
        instance.task_state = task_state
        self._send(context, self._begin(context, instance, action, allowed))

    def _begin(
        self,
        context: RequestContext,
        instance: Instance,
        action: Action,
        allowed: state_checks.Allowed,
        parameters: Parameters | None = None,
        **options: Any,
    ) -> InstanceAction:
        """Commit an intent: the changed fields of the server and a new action. ``options``: see
        ``intents.begin``."""
        return intents.begin(
            context,
            instance,
            action,
            parameters,
            expected_task_state=allowed.task_states,
            expected_vm_state=allowed.vm_states,
            **options,
        )

    def _send(self, context: RequestContext, action: InstanceAction) -> None:
        """Cast the action to the server's host, or to a conductor if the server has no host."""
        (self.compute_rpcapi if action.host else self.compute_task_api).send(context, action)
