"""What a driver may ask of the compute manager that it works for."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Collection


class VirtAPI(abc.ABC):
    @abc.abstractmethod
    def wait_for_instance_event(
        self,
        instance,
        events: Collection[tuple[str, str | None]],
        *,
        deadline: float = 300,
        error_callback: Callable[[str, object], bool] | None = None,
    ) -> contextlib.AbstractContextManager[None]:
        """Do inside what causes ``events`` ((name, tag) each); leaving waits for them.

        ``deadline`` is in seconds. ``error_callback(name, instance)`` is called for an event that
        came as failed: False goes on. Raises TimeoutError; InstanceNotFound when the server is
        being deleted meanwhile; VirtualInterfaceCreateException for a failed event.
        """
