"""Which images an operator keeps to some hosts.

The scheduler's filters IsolatedHostsFilter and AggregateImagePropertiesIsolation use it for all
hosts, and a rebuild, which has no scheduler, for the host of its server.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from nova_mini.conf import CONF
from nova_mini.guest_options.image_options import IMAGE_PROPERTIES

ISOLATED_HOSTS = "IsolatedHostsFilter"
AGGREGATE_PROPERTIES = "AggregateImagePropertiesIsolation"


def listed(values: Collection[str]) -> set[str]:
    """The parts of metadata values that are lists, separated by commas."""
    return {part.strip() for value in values for part in value.split(",")}


def restricted(properties: Mapping[str, str]) -> dict[str, str]:
    """The properties of an image that the metadata of an aggregate may restrict: those that Nova
    defines, in the configured namespace."""
    options = CONF.filter_scheduler
    namespace = options.aggregate_image_properties_isolation_namespace
    separator = options.aggregate_image_properties_isolation_separator
    prefix = namespace + separator if namespace else ""
    return {
        key: value
        for key, value in properties.items()
        if value and key.startswith(prefix) and IMAGE_PROPERTIES.find(key)
    }


def allows(values: Collection[str], value: str) -> bool:
    """Whether a host may have an image with this value of a property. ``values``: those that the
    host's aggregates list for the property."""
    return not values or value in values


def is_isolated(image_id: str | None) -> bool:
    return image_id is not None and image_id in CONF.filter_scheduler.isolated_images


def isolated_hosts_allow(host: str, image_id: str | None) -> bool:
    """Whether the options isolated_hosts and isolated_images allow the image on the host.
    ``image_id``: None for a server whose root disk is a volume."""
    options = CONF.filter_scheduler
    host_is_isolated = host in options.isolated_hosts
    if host_is_isolated and options.restrict_isolated_hosts_to_isolated_images:
        return is_isolated(image_id)
    return host_is_isolated or not is_isolated(image_id)
