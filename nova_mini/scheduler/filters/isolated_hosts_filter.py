from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.objects import host_state, image_isolation
from nova_mini.scheduler import filters

if TYPE_CHECKING:
    import numpy as np

    from nova_mini.objects.request_spec import RequestSpec
    from nova_mini.scheduler.host_table import HostTable


class IsolatedHostsFilter(filters.BaseHostFilter):
    """Keeps the images of ``isolated_images`` to the hosts of ``isolated_hosts``, and with
    ``restrict_isolated_hosts_to_isolated_images`` these hosts to these images."""

    def host_passes_all(self, hosts: HostTable, spec: RequestSpec) -> np.ndarray:
        options = CONF.filter_scheduler
        isolated = hosts.named(options.isolated_hosts)
        # The image is read only where it matters: the spec does not have it.
        image = host_state.read_image(spec.instance_uuid) if options.isolated_images else None
        if image_isolation.is_isolated(image):
            return isolated
        if options.restrict_isolated_hosts_to_isolated_images:
            return ~isolated
        return filters.everywhere(hosts)
