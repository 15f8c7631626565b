"""The NUMA nodes of the hosts, with what the scheduler has placed on them since they reported."""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from nova_mini.numa.fit import Ratios, place
from nova_mini.numa.guest import GuestTopology
from nova_mini.numa.host import HostTopology, parse


class NumaColumn:
    """One entry for each host; None for a host without guests that have a topology."""

    def __init__(self, count: int):
        self._reported: list[HostTopology | None] = [None] * count
        self._now: list[HostTopology | None] = [None] * count

    def describe(self, i: int, text: str | None) -> None:
        """Set what host ``i`` reports: JSON of :class:`HostTopology`, with what is used."""
        self._reported[i] = self._now[i] = parse(text) if text else None

    def forget_placed(self, indices: Collection[int]) -> None:
        """Only what these hosts have reported counts, because a claim there was refused."""
        for i in indices:
            self._now[i] = self._reported[i]

    def put(self, i: int, guest: GuestTopology, ratios: Ratios) -> None:
        """Count the guest as placed on host ``i``, if it fits."""
        host = self._now[i]
        placed = place(guest, host, ratios) if host else None
        if host is not None and placed is not None:
            self._now[i] = host.with_guests([placed])

    def fitting(self, guest: GuestTopology, cpu: np.ndarray, ram: np.ndarray) -> np.ndarray:
        """Mask of the hosts on which the guest fits. ``cpu``, ``ram``: their allocation ratios.
        Equal hosts are one object, which is tested once."""
        known: dict[tuple[int, float, float], bool] = {}
        mask = np.zeros(len(self._now), bool)
        for i, host in enumerate(self._now):
            if host is None:
                continue
            key = (id(host), float(cpu[i]), float(ram[i]))
            if key not in known:
                known[key] = place(guest, host, Ratios(key[1], key[2])) is not None
            mask[i] = known[key]
        return mask
