"""Compares properties of the image with the capabilities of the hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.objects.host_needs import HostNeeds
from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class ImagePropertiesFilter(filters.BaseHostFilter):
    """Passes hosts that support the image's architecture, hypervisor type and VM mode."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        needs = HostNeeds.of(spec.image_properties)
        if not needs:
            return filters.everywhere(hosts)
        return hosts.where_facts(
            lambda facts: needs.are_met_by(facts.supported_instances, facts.hypervisor_version)
        )
