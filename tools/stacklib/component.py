"""The base class of the components of the stack."""

import time

from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit


class Component:
    """One part of the stack. Subclasses define what they need, and how their health is checked."""

    name = ""
    needs: tuple[str, ...] = ()  # required components
    wants: tuple[str, ...] = ()  # components that it uses unless they are left out
    packages: tuple[str, ...] = ()
    timeout = 60.0

    def install(self, stack: Stack) -> None:
        """Install the software."""

    def configure(self, stack: Stack) -> None:
        """Write the configuration. `start` restarts units whose files have changed."""

    def units(self, stack: Stack) -> list[Unit]:
        """Return the systemd units that this component consists of, in start order."""
        return []

    def start(self, stack: Stack) -> None:
        """Start what is not running as configured."""
        stack.units.ensure(self.units(stack))

    def check(self, stack: Stack) -> None:
        """Return when the component answers; raise Unhealthy with the reason when it does not."""

    def finish(self, stack: Stack) -> None:
        """Create what needs the running component (users, networks, images). Idempotent."""

    def stop(self, stack: Stack) -> None:
        """Stop the units, all at once."""
        stack.units.stop(*(unit.name for unit in self.units(stack)))

    def up(self, stack: Stack, say) -> None:
        """Execute install, configure, start, check and finish; `say` shows the progress."""
        for step in (self.install, self.configure, self.start, self.wait, self.finish):
            say(step.__name__)
            step(stack)

    def wait(self, stack: Stack) -> None:
        """Wait until the units are ready and `check` passes; give up when a unit has died."""
        units = self.units(stack)
        deadline = time.monotonic() + self.timeout
        while True:
            reason = "it is still starting"
            try:
                if stack.units.ready(units):
                    return self.check(stack)
            except Unhealthy as trouble:
                reason = trouble.reason
            if time.monotonic() > deadline:
                log = stack.log(units[0].name if units else self.name)
                raise StackError(f"not healthy after {self.timeout:.0f} s: {reason}", log)
            time.sleep(0.2)
