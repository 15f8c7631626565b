from nova_mini.objects import allocation
from nova_mini.scheduler import filters


def _hosts_of(hint: str | list[str]) -> set[str]:
    """Where the servers of a hint (one uuid, or a list) are, or are being built."""
    uuids = [hint] if isinstance(hint, str) else hint
    return {held["host"] for held in allocation.get_many(uuids).values()}


class DifferentHostFilter(filters.BaseHostFilter):
    """Hosts that have none of the servers of the hint ``different_host``."""

    def host_passes_all(self, hosts, spec):
        hint = spec.scheduler_hints.get("different_host")
        if not hint:
            return filters.everywhere(hosts)
        return ~hosts.named(_hosts_of(hint))


class SameHostFilter(filters.BaseHostFilter):
    """Hosts that have one of the servers of the hint ``same_host``."""

    def host_passes_all(self, hosts, spec):
        hint = spec.scheduler_hints.get("same_host")
        if not hint:
            return filters.everywhere(hosts)
        return hosts.named(_hosts_of(hint))
