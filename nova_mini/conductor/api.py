"""What the API and the computes ask of the conductors."""

from __future__ import annotations

from collections.abc import Sequence

from nova_mini.conductor import rpcapi
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.trace import traced


class ComputeTaskAPI:
    def __init__(self):
        self._rpcapi = rpcapi.ComputeTaskAPI()

    @traced
    def schedule_and_build_instances(self, context, actions: Sequence[InstanceAction]) -> None:
        """Place and build the servers of one request; ``actions`` are their create actions."""
        self._rpcapi.schedule_and_build_instances(context, [action.id for action in actions])

    @traced
    def cache_images(self, context, hosts: list[str], image_ids: list[str]) -> None:
        """Bring images to the caches of these hosts."""
        self._rpcapi.cache_images(context, hosts, image_ids)

    @traced
    def send(self, context, action: InstanceAction) -> None:
        """Tell the conductors that an action waits for one of them."""
        self._rpcapi.run_action(context, action.method, action.id)
