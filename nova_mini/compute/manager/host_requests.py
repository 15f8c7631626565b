"""What other services ask of the host: images, orphans, its findings, events."""

from __future__ import annotations

import logging

import oslo_messaging as messaging
from oslo_concurrency import processutils

from nova_mini import exception
from nova_mini.compute.host import audit, external_events
from nova_mini.compute.manager.parts import ManagerParts
from nova_mini.context import RequestContext
from nova_mini.objects.external_event import ExternalEvent
from nova_mini.objects.host_finding import HostFinding
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)


class HostRequests(ManagerParts):
    @messaging.expected_exceptions(exception.NovaException)
    @traced("ComputeManager.cache_images")
    def cache_images(self, context: RequestContext, image_ids: list[str]) -> dict[str, str]:
        """Return image -> "cached" (now), "existing" or "error". Called by a conductor."""
        return {image_id: self._cache_image(context, image_id) for image_id in image_ids}

    def _cache_image(self, context, image_id: str) -> str:
        try:
            return "cached" if self.driver.cache_image(context, image_id) else "existing"
        except (exception.NovaException, OSError, processutils.ProcessExecutionError) as exc:
            LOG.error("Image %s: could not be cached: %s", image_id, exc)
            return "error"

    @messaging.expected_exceptions(exception.NovaException)
    @traced("ComputeManager.discard_copy")
    def discard_copy(self, context: RequestContext, image_id: str, base_image_id: str) -> None:
        """Remove the data of the unfinished image ``image_id`` from shared storage. Its server was
        made from ``base_image_id``. Called by a conductor."""
        self.driver.discard_copy(context, image_id, base_image_id)

    def remove_orphans(self, context: RequestContext, instance_uuid: str) -> None:
        """Remove what this host has of a server that was deleted on another host. Cast by that
        host, or a conductor; without the message, a periodic task removes it."""
        with self.runner.server_locks.hold(instance_uuid):
            self._destroy_orphaned_guest(instance_uuid)

    @messaging.expected_exceptions(exception.NovaException)
    def examine(self, context: RequestContext) -> list[HostFinding]:
        """Return the findings on this host: see ``compute.host.audit``. Called by the doctor."""
        return audit.audit(self.services)

    @messaging.expected_exceptions(exception.NovaException)
    def repair(self, context: RequestContext, kind: str, instance_uuid: str) -> None:
        """Repair a finding of :meth:`examine`. Called by the doctor."""
        with self.runner.server_locks.hold(instance_uuid):
            audit.repair(self.services, kind, instance_uuid)

    def external_instance_event(self, context: RequestContext, events: list[ExternalEvent]) -> None:
        """Handle events of Neutron and Cinder about servers here. Cast by the API."""
        external_events.handle(self, context, events)
