from nova_mini.scheduler import filters


class AvailabilityZoneFilter(filters.BaseHostFilter):
    """Hosts of the availability zone that was asked for."""

    def host_passes_all(self, hosts, spec):
        if not spec.availability_zone:
            return filters.everywhere(hosts)
        return hosts.in_zone(spec.availability_zone)
