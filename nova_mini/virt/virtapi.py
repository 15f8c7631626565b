"""The part of the compute manager that drivers call."""

from __future__ import annotations

import abc
import contextlib
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance


class VirtAPI(abc.ABC):
    @abc.abstractmethod
    def wait_for_instance_event(
        self,
        instance: Instance,
        events: Collection[tuple[str, str | None]],
        *,
        deadline: float = 300,
        error_callback: Callable[[str, object], bool] | None = None,
    ) -> contextlib.AbstractContextManager[None]:
        """Context manager: the body causes ``events``, (name, tag) each; the exit waits for them.

        ``deadline`` is in seconds. ``error_callback(name, instance)`` is called for an event with
        status failed; if it returns False the event is ignored. Raises TimeoutError;
        InstanceNotFound when the server is being deleted; VirtualInterfaceCreateException for a
        failed event.
        """
