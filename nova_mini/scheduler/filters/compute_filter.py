from nova_mini.scheduler import filters


class ComputeFilter(filters.BaseHostFilter):
    """Hosts whose compute service is enabled and up."""

    def host_passes_all(self, hosts, spec):
        return hosts.available
