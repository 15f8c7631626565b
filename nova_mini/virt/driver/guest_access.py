"""What a user reads from a guest or asks of it: consoles, counters, password, crash dump."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind
    from nova_mini.virt.diagnostics import Diagnostics


class GuestAccess(abc.ABC):
    @abc.abstractmethod
    def get_console_output(self, context: RequestContext, instance: Instance) -> bytes:
        """The serial console's log, at most its last 100 KiB."""

    @abc.abstractmethod
    def get_console(self, instance_uuid: str, kind: ConsoleKind) -> ConsoleAddress:
        """Where a proxy reaches this console of a running guest. Raises InstanceNotFound, and
        ConsoleTypeUnavailable if the guest does not run or has no such console."""

    @abc.abstractmethod
    def get_diagnostics(self, instance: Instance) -> dict[str, int]:
        """Counters of a running guest, with the names of the hypervisor (before 2.48)."""

    @abc.abstractmethod
    def get_instance_diagnostics(self, instance: Instance) -> Diagnostics:
        """The same counters in the format that is common to all drivers (2.48)."""

    @abc.abstractmethod
    def set_admin_password(self, instance: Instance, image_meta: ImageMeta, password: str) -> None:
        """Set the password of the administrator in the running guest: of the user that the image
        names, or of the usual one of its system. Idempotent. Raises InstanceAgentNotEnabled,
        GuestAgentUnresponsive, InstancePasswordSetFailed."""

    @abc.abstractmethod
    def trigger_crash_dump(self, instance: Instance) -> None:
        """Inject a non-maskable interrupt into the guest. Raises TriggerCrashDumpNotSupported, and
        InstanceInvalidState if the guest does not run."""
