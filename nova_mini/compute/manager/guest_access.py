"""What users read from a guest: consoles and counters."""

from __future__ import annotations

from typing import Any

import oslo_messaging as messaging

from nova_mini import exception
from nova_mini.compute.host import consoles, running_guest
from nova_mini.compute.manager.parts import ManagerParts
from nova_mini.context import RequestContext
from nova_mini.objects.console_auth_token import Connection
from nova_mini.objects.instance import Instance
from nova_mini.virt.consoles import ConsoleKind


class GuestAccess(ManagerParts):
    @messaging.expected_exceptions(exception.NovaException)
    def get_console_output(
        self, context: RequestContext, instance: Instance, tail_length: int | None = None
    ) -> str:
        """Return the last ``tail_length`` lines (None: all that are stored). Called by the API."""
        lines = self.driver.get_console_output(context, instance).decode("utf-8", "replace")
        if tail_length is None:
            return lines
        return "\n".join(lines.split("\n")[-int(tail_length) :]) if int(tail_length) else ""

    @messaging.expected_exceptions(exception.NovaException)
    def get_vnc_console(
        self, context: RequestContext, instance: Instance, console_type: str
    ) -> Connection:
        """Return where a proxy reaches the console. Called by the API."""
        return consoles.get_connection(self.driver, instance, ConsoleKind.VNC, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def get_spice_console(
        self, context: RequestContext, instance: Instance, console_type: str
    ) -> Connection:
        """Return where a proxy reaches the console. Called by the API."""
        return consoles.get_connection(self.driver, instance, ConsoleKind.SPICE, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def get_serial_console(
        self, context: RequestContext, instance: Instance, console_type: str
    ) -> Connection:
        """Return where a proxy reaches the console. Called by the API."""
        return consoles.get_connection(self.driver, instance, ConsoleKind.SERIAL, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def validate_console_port(
        self, context: RequestContext, instance_uuid: str, port: int, console_type: str
    ) -> bool:
        """Return whether the guest has this console at this port now. Called by the proxies."""
        return consoles.has_port(self.driver, instance_uuid, port, console_type)

    @messaging.expected_exceptions(exception.NovaException)
    def get_diagnostics(self, context: RequestContext, instance: Instance) -> dict[str, int]:
        """Return the counters of the guest in the format of 2.1. Called by the API."""
        running_guest.check(self.driver, instance, "get_diagnostics")
        return self.driver.get_diagnostics(instance)

    @messaging.expected_exceptions(exception.NovaException)
    def get_instance_diagnostics(
        self, context: RequestContext, instance: Instance
    ) -> dict[str, Any]:
        """Return the counters of the guest in the format of 2.48. Called by the API."""
        running_guest.check(self.driver, instance, "get_diagnostics")
        return self.driver.get_instance_diagnostics(instance).to_dict()
