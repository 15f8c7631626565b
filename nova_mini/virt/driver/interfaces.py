"""The network interfaces of a guest, and the ports on the host's switch."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.network_model import VIF


class Interfaces(abc.ABC):
    @abc.abstractmethod
    def attach_interface(
        self, context: RequestContext, instance: Instance, image_meta: ImageMeta, vif: VIF
    ) -> None:
        """Hot-plug a NIC. Idempotent. Raises InterfaceAttachFailed."""

    @abc.abstractmethod
    def detach_interface(self, context: RequestContext, instance: Instance, vif: VIF) -> None:
        """Unplug a NIC; returns when the guest has released it. Raises InterfaceDetachFailed."""

    def list_plugged_instances(self) -> set[str]:
        """Uuids of the instances that have a port on this host's switch."""
        return set()

    def unplug_orphan(self, instance_uuid: str) -> None:  # noqa: B027
        """Remove from the switch every port of an instance that has no guest here."""
