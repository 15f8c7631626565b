"""What this host has and what its servers take of it.

The scheduler's claim in the ledger decides; the tracker is the host's own second look, with what
the hypervisor says now, and reports the totals that the ledger is measured by.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator

from nova_mini import exception
from nova_mini.compute import task_states
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.compute_node import ComputeNode
from nova_mini.objects.instance import InstanceList
from nova_mini.trace import step

_RESOURCES = ("vcpus", "memory_mb", "local_gb")
_REPORT_ANYWAY = 300  # seconds


def resources_of(instance) -> dict[str, int]:
    flavor = instance.flavor
    local_gb = flavor.disk_gb - (flavor.root_gb if instance.is_volume_backed else 0)
    return {"vcpus": flavor.vcpus, "memory_mb": flavor.memory_mb, "local_gb": local_gb}


class ResourceTracker:
    def __init__(self, host: str, driver):
        self.host = host
        self.node = host
        self._driver = driver
        self._lock = threading.Lock()
        self._tracked: dict[str, dict[str, int]] = {}
        self._limits: dict[str, float] = {}
        self._reported: dict | None = None
        self._reported_at = 0.0

    def init_host(self) -> None:
        """Learn of the servers that are here and report the host for the first time."""
        instances = InstanceList.get_by_host(get_admin_context(), self.host)
        with self._lock:
            self._tracked = {i.uuid: resources_of(i) for i in instances}
        self.update_available_resource()

    def update_available_resource(self) -> None:
        """Report what the host has, when it is news; asked each ``update_resources_interval``."""
        resource = self._driver.get_available_resource()
        self.node = resource["hypervisor_hostname"]
        reserved = {
            "vcpus": CONF.reserved_host_cpus,
            "memory_mb": CONF.reserved_host_memory_mb,
            "local_gb": -(-CONF.reserved_host_disk_mb // 1024),
        }
        ratios = {
            "vcpus": CONF.cpu_allocation_ratio,
            "memory_mb": CONF.ram_allocation_ratio,
            "local_gb": CONF.disk_allocation_ratio,
        }
        with self._lock:
            self._limits = {
                name: (resource[name] - reserved[name]) * ratios[name] for name in _RESOURCES
            }
        self._report(
            {
                "hypervisor_hostname": resource["hypervisor_hostname"],
                "hypervisor_type": resource["hypervisor_type"],
                "hypervisor_version": resource["hypervisor_version"],
                "host_ip": CONF.my_ip,
                "vcpus": resource["vcpus"],
                "memory_mb": resource["memory_mb"],
                "local_gb": resource["local_gb"],
                "reserved_vcpus": reserved["vcpus"],
                "reserved_memory_mb": reserved["memory_mb"],
                "reserved_gb": reserved["local_gb"],
                "cpu_allocation_ratio": ratios["vcpus"],
                "ram_allocation_ratio": ratios["memory_mb"],
                "disk_allocation_ratio": ratios["local_gb"],
                "disk_available_least": resource["disk_available_least"],
                "disk_pool": resource["disk_pool"],
                "cpu_info": resource["cpu_info"],
                "supported_instances": resource["supported_instances"],
            },
            uptime=resource["host_uptime"],
        )

    def _report(self, values: dict, uptime: str | None) -> None:
        """``uptime`` is never the same, and alone no news: it is told now and then."""
        stale = time.monotonic() > self._reported_at + _REPORT_ANYWAY
        if values == self._reported and not stale:
            return
        ComputeNode.report(get_admin_context(), self.host, {**values, "uptime": uptime})
        self._reported, self._reported_at = values, time.monotonic()

    @contextlib.contextmanager
    def instance_claim(
        self, context, instance, task_state: str = task_states.NETWORKING
    ) -> Iterator[None]:
        """Make the server this host's, if it has room; given back when the build fails inside.

        Saves host, node and launched_on with ``task_state``: from then on it is known where the
        server is. Raises ComputeResourcesUnavailable.
        """
        with step("ResourceTracker.instance_claim"):
            self._take(instance)
            instance.host = self.host
            instance.node = self.node
            instance.launched_on = self.host
            instance.task_state = task_state
            try:
                instance.save()
            except Exception:
                self.release(instance.uuid)
                raise
        try:
            yield
        except Exception:
            self.release(instance.uuid)
            raise

    def _take(self, instance) -> None:
        asked = resources_of(instance)
        with self._lock:
            others = [used for uuid, used in self._tracked.items() if uuid != instance.uuid]
            for name in _RESOURCES:
                used = sum(other[name] for other in others)
                if asked[name] and used + asked[name] > self._limits[name]:
                    raise exception.ComputeResourcesUnavailable(
                        reason=f"{self.host} has {self._limits[name] - used:g} {name} left, "
                        f"{asked[name]} are asked for"
                    )
            self._tracked[instance.uuid] = asked

    def release(self, instance_uuid: str) -> None:
        with self._lock:
            self._tracked.pop(instance_uuid, None)
