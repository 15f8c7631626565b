"""The resources of a host that servers claim, and amounts of them.

``vcpus`` is a number, ``memory_mb`` in MiB, ``local_gb`` in GiB.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

Resource = Literal["vcpus", "memory_mb", "local_gb"]
ResourceAmounts = Mapping[Resource, int]
