"""The scheduler as a service. It has no periodic tasks."""

from __future__ import annotations

from nova_mini.scheduler.manager import SchedulerManager
from nova_mini.service import Manager


class SchedulerService(Manager):
    threads = 4  # scheduling is CPU-bound: more threads would only wait for each other

    def __init__(self, host: str, incarnation: str):
        self._scheduler = SchedulerManager()
        self.endpoints = [self._scheduler]

    def init_host(self) -> None:
        self._scheduler.learn_hosts()
