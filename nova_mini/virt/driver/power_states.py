"""The power states of guests, and the events that report a change."""

from __future__ import annotations

import abc
import dataclasses
import enum
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance


@dataclasses.dataclass(frozen=True)
class InstanceInfo:
    """An instance as the hypervisor reports it; ``state`` is a ``states.power_state`` value."""

    state: int
    internal_id: int | None = None


class LifecycleTransition(enum.Enum):
    STARTED = "started"
    STOPPED = "stopped"
    PAUSED = "paused"
    RESUMED = "resumed"
    SUSPENDED = "suspended"


@dataclasses.dataclass(frozen=True)
class LifecycleEvent:
    """A domain changed its power state, maybe by itself (the guest shut down)."""

    uuid: str
    transition: LifecycleTransition


class PowerStates(abc.ABC):
    _event_callback: Callable[[LifecycleEvent], None] | None = None

    @abc.abstractmethod
    def get_info(self, instance: Instance) -> InstanceInfo:
        """Raises InstanceNotFound when the hypervisor has no such instance."""

    @abc.abstractmethod
    def get_power_states(self) -> dict[str, int]:
        """uuid -> power state of every defined domain, with few hypervisor calls."""

    def register_event_listener(self, callback: Callable[[LifecycleEvent], None]) -> None:
        self._event_callback = callback

    def emit_event(self, event: LifecycleEvent) -> None:
        if self._event_callback:
            self._event_callback(event)
