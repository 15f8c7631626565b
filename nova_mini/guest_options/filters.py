"""The filters of the scheduler that act on options. The options of a filter that is not enabled are
refused."""

from __future__ import annotations

CAPABILITIES = "ComputeCapabilitiesFilter"
IMAGE_PROPERTIES = "ImagePropertiesFilter"
AGGREGATES = "AggregateInstanceExtraSpecsFilter"

NUMA = "NUMATopologyFilter"
ALL = frozenset({CAPABILITIES, IMAGE_PROPERTIES, AGGREGATES, NUMA})
