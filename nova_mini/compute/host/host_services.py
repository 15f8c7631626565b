"""The parts of a compute service that operations use."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TypeAlias

from nova_mini.actions.context import OperationContext
from nova_mini.compute.host.events import InstanceEvents
from nova_mini.compute.host.live_requests import LiveRequests
from nova_mini.compute.host.resource_tracker import ResourceTracker
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.image import glance
from nova_mini.keymgr.passphrases import Passphrases
from nova_mini.network import neutron
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.virt.driver import ComputeDriver
from nova_mini.virt.virtapi import VirtAPI
from nova_mini.volume import cinder


def _build_slots() -> threading.BoundedSemaphore:
    return threading.BoundedSemaphore(CONF.max_concurrent_builds or 10_000)


@dataclass
class HostServices:
    """``name`` is the host's name. ``rt`` accounts for its resources. ``build_slots`` limits the
    number of concurrent builds. ``live_requests``: messages about live migrations.
    ``passphrases``: of virtual TPMs."""

    name: str
    driver: ComputeDriver
    virtapi: VirtAPI
    rt: ResourceTracker
    network_api: neutron.API
    image_api: glance.API
    volume_api: cinder.API
    instance_events: InstanceEvents
    build_slots: threading.BoundedSemaphore = field(default_factory=_build_slots)
    live_requests: LiveRequests = field(default_factory=LiveRequests)
    passphrases: Passphrases = field(default_factory=Passphrases)
    _builds_failed: bool = False

    def build_failed(self) -> None:
        """Count a failed build: the scheduler prefers hosts whose builds succeed."""
        self._builds_failed = True
        ComputeNode.count_build(get_admin_context(), self.name, failed=True)

    def build_succeeded(self) -> None:
        if self._builds_failed:
            self._builds_failed = False
            ComputeNode.count_build(get_admin_context(), self.name, failed=False)


HostOperation: TypeAlias = OperationContext[HostServices]
