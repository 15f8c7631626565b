"""What the service does for its driver: it waits for events of Neutron and Cinder."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Callable, Collection

from nova_mini import exception
from nova_mini.compute.host import events
from nova_mini.context import get_admin_context
from nova_mini.network import neutron
from nova_mini.objects.instance import Instance
from nova_mini.virt.virtapi import VirtAPI
from nova_mini.volume import cinder

LOG = logging.getLogger(__name__)


class ComputeVirtAPI(VirtAPI):
    def __init__(
        self,
        instance_events: events.InstanceEvents,
        network_api: neutron.API,
        volume_api: cinder.API,
    ):
        self._events = instance_events
        self._network_api = network_api
        self._volume_api = volume_api

    def wait_for_instance_event(
        self,
        instance: Instance,
        events_awaited: Collection[events.EventKey],
        *,
        deadline: float = 300,
        error_callback: Callable[[str, object], bool] | None = None,
    ) -> contextlib.AbstractContextManager[None]:
        def on_failure(name: str) -> bool:
            return error_callback is None or error_callback(name, instance) is not False

        def has_happened(key: events.EventKey) -> bool:
            ask = {"network-vif-plugged": self._is_wired, "volume-reimaged": self._is_reimaged}
            name, tag = key
            return name in ask and tag is not None and ask[name](tag)

        return events.wait_for_instance_event(
            self._events,
            instance.uuid,
            events_awaited,
            deadline=deadline,
            on_failure=on_failure,
            has_happened=has_happened,
        )

    def _is_wired(self, port_id: str) -> bool:
        try:
            return self._network_api.is_wired(get_admin_context(), port_id)
        except exception.NovaException as exc:
            LOG.warning("Port %s: could not read whether it is wired: %s", port_id, exc)
            return False

    def _is_reimaged(self, volume_id: str) -> bool:
        try:
            return self._volume_api.get(get_admin_context(), volume_id).status != "downloading"
        except exception.NovaException as exc:
            LOG.warning("Volume %s: could not read whether it has its image: %s", volume_id, exc)
            return False
