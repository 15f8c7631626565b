"""Watches real hypervisors: no guest may run on two nodes at any moment."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Sequence

import libvirt

from tests.integration.cloud.harness.machine import Machine

_PAUSE = 0.2  # seconds between two looks


class GuestWatch:
    """``doubled``: what was seen so far, as texts."""

    def __init__(self, machines: Sequence[Machine]):
        self._machines = machines
        self._connections: dict[str, libvirt.virConnect] = {}
        self._end = threading.Event()
        self.looks = 0
        self.doubled: set[str] = set()

    @contextlib.contextmanager
    def running(self) -> Iterator[GuestWatch]:
        libvirt.registerErrorHandler(lambda *_: None, None)  # they are handled here
        thread = threading.Thread(target=self._watch, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._end.set()
            thread.join(_PAUSE * 50)  # a frozen node does not answer

    def _watch(self) -> None:
        while not self._end.wait(_PAUSE):
            self.looks += 1
            suspects = self._twice()
            if suspects:
                # One that has just moved is looked at again: the nodes are asked one after another.
                again = self._twice()
                self.doubled.update(
                    f"guest {uuid} runs on {' and '.join(again[uuid])}"
                    for uuid in suspects.keys() & again.keys()
                )

    def _twice(self) -> dict[str, list[str]]:
        hosts: dict[str, list[str]] = {}
        for machine in self._machines:
            for uuid in self._running(machine):
                hosts.setdefault(uuid, []).append(machine.name)
        return {uuid: names for uuid, names in hosts.items() if len(names) > 1}

    def _running(self, machine: Machine) -> list[str]:
        """The running guests of a node; none while its libvirtd is down."""
        try:
            if machine.name not in self._connections:
                self._connections[machine.name] = libvirt.openReadOnly(machine.libvirt_uri)
            connection = self._connections[machine.name]
            running = connection.listAllDomains(libvirt.VIR_CONNECT_LIST_DOMAINS_RUNNING)
        except libvirt.libvirtError:
            self._connections.pop(machine.name, None)
            return []
        return [domain.UUIDString() for domain in running]
