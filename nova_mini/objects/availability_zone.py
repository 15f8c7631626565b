"""Availability zones: aggregates with ``availability_zone`` in their metadata. All other hosts are
in the default zone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nova_mini import db
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

#: The zone that the API shows for services that are not computes.
INTERNAL = "internal"


class AvailabilityZones:
    """The zones of the hosts at the time of :meth:`get`."""

    def __init__(self, zone_by_host: dict[str, str]):
        self._zone_by_host = zone_by_host

    @classmethod
    def get(cls, context: RequestContext) -> AvailabilityZones:
        return cls(db.host_states.get_zones())

    def names(self) -> set[str]:
        """The zones that a request for a server may name."""
        return {*self._zone_by_host.values(), CONF.default_availability_zone}

    def of_host(self, host: str) -> str:
        return self._zone_by_host.get(host, CONF.default_availability_zone)
