"""The NUMA topology of a guest: what it requests, and where it is placed."""

from __future__ import annotations

import dataclasses
from typing import TypedDict

from nova_mini.numa import cpu_sets

PREFER, ISOLATE, REQUIRE = "prefer", "isolate", "require"  # policies of threads
SHARE = "share"  # a policy of emulator threads; the other one is ISOLATE
SMALL, LARGE, ANY = "small", "large", "any"  # sizes of pages, beside a number of KiB


class StoredCell(TypedDict):
    id: int
    cpus: str
    dedicated: str
    memory_mb: int
    host_cell: int | None
    pins: list[tuple[int, int]]
    emulator_cpu: int | None
    page_kb: int | None


class StoredGuest(TypedDict):
    """How a topology is stored, and shown to a daemon."""

    cells: list[StoredCell]
    thread_policy: str
    emulator_threads: str | None
    page_size: str | None


@dataclasses.dataclass(frozen=True)
class GuestCell:
    """A NUMA node of a guest. ``dedicated``: those of its vCPUs that get a CPU of their own.

    The last four fields are set when the cell is placed: ``pins`` are pairs of a vCPU and its CPU,
    ``emulator_cpu`` is a CPU for the hypervisor's own threads. ``page_kb``: None: the host decides.
    """

    id: int
    cpus: frozenset[int]
    memory_mb: int
    dedicated: frozenset[int] = frozenset()
    host_cell: int | None = None
    pins: tuple[tuple[int, int], ...] = ()
    emulator_cpu: int | None = None
    page_kb: int | None = None

    @property
    def shared(self) -> frozenset[int]:
        """The vCPUs that run on the CPUs which guests share."""
        return self.cpus - self.dedicated

    @property
    def own_cpus(self) -> frozenset[int]:
        """The CPUs of the host that no other guest may use."""
        taken = {cpu for _vcpu, cpu in self.pins}
        return frozenset(taken if self.emulator_cpu is None else taken | {self.emulator_cpu})

    def to_dict(self) -> StoredCell:
        return {
            "id": self.id,
            "cpus": cpu_sets.to_text(self.cpus),
            "dedicated": cpu_sets.to_text(self.dedicated),
            "memory_mb": self.memory_mb,
            "host_cell": self.host_cell,
            "pins": list(self.pins),
            "emulator_cpu": self.emulator_cpu,
            "page_kb": self.page_kb,
        }

    @classmethod
    def from_dict(cls, stored: StoredCell) -> GuestCell:
        return cls(
            id=stored["id"],
            cpus=cpu_sets.parse(stored["cpus"]),
            dedicated=cpu_sets.parse(stored["dedicated"]),
            memory_mb=stored["memory_mb"],
            host_cell=stored["host_cell"],
            pins=tuple((vcpu, cpu) for vcpu, cpu in stored["pins"]),
            emulator_cpu=stored["emulator_cpu"],
            page_kb=stored["page_kb"],
        )


@dataclasses.dataclass(frozen=True)
class GuestTopology:
    """``page_size``: SMALL, LARGE, ANY, a number of KiB as text, or None: not requested."""

    cells: tuple[GuestCell, ...]
    thread_policy: str = PREFER
    emulator_threads: str | None = None
    page_size: str | None = None

    @property
    def own_cpus(self) -> int:
        """How many CPUs of a host it needs for itself alone."""
        pinned = sum(len(cell.dedicated) for cell in self.cells)
        return pinned + (self.emulator_threads == ISOLATE)

    @property
    def is_placed(self) -> bool:
        return all(cell.host_cell is not None for cell in self.cells)

    def unplaced(self) -> GuestTopology:
        """The same request, without a place."""
        cells = (
            GuestCell(cell.id, cell.cpus, cell.memory_mb, cell.dedicated) for cell in self.cells
        )
        return dataclasses.replace(self, cells=tuple(cells))

    def to_dict(self) -> StoredGuest:
        return {
            "cells": [cell.to_dict() for cell in self.cells],
            "thread_policy": self.thread_policy,
            "emulator_threads": self.emulator_threads,
            "page_size": self.page_size,
        }

    @classmethod
    def from_dict(cls, stored: StoredGuest) -> GuestTopology:
        return cls(
            cells=tuple(GuestCell.from_dict(cell) for cell in stored["cells"]),
            thread_policy=stored["thread_policy"],
            emulator_threads=stored["emulator_threads"],
            page_size=stored["page_size"],
        )
