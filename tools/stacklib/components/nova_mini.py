"""nova_mini itself: its database, its configuration, its four daemons."""

from stacklib import bytecode, files, milestones, venvs
from stacklib.component import Component
from stacklib.components import mariadb, nova_compute, nova_control
from stacklib.stack import REPOSITORY, Stack
from stacklib.units import Unit

DATABASE = "nova_mini"
MIGRATIONS = REPOSITORY / "nova_mini" / "db" / "migrations"


class NovaMini(Component):
    """The Compute service."""

    name = "nova-mini"
    needs = ("rabbitmq", "mariadb", "venv-nova-mini")
    wants = (
        *("memcached", "keystone", "glance", "ceph", "barbican", "cinder", "neutron"),
        *("libvirt", "kvm"),
    )

    def configure(self, stack: Stack) -> None:
        """Write the configuration; migrate the database."""
        nova_compute.configure(stack, compute_host(stack))
        nova_control.configure(stack)
        code = files.digest([stack.venv("nova-mini") / venvs.MARK, *nova_compute.code()])
        milestones.once(stack, "nova-mini-bytecode", code, lambda: bytecode.compile_all(stack))
        self._migrate(stack)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the daemons; those that others call are first."""
        return [*nova_control.units(stack), nova_compute.unit(stack, compute_host(stack))]

    def start(self, stack: Stack) -> None:
        """Start the daemons; stop computes of an earlier choice."""
        wanted = {unit.name for unit in self.units(stack)}
        running = stack.units.names("nova-mini-compute@*")
        stack.units.stop(*(name for name in running if name not in wanted))
        super().start(stack)

    def check(self, stack: Stack) -> None:
        """Check that the API is healthy."""
        nova_control.check(stack)

    def stop(self, stack: Stack) -> None:
        """Stop the daemons, then power off the servers while their storage is still running."""
        super().stop(stack)
        nova_compute.power_off_servers(stack)

    def _migrate(self, stack: Stack) -> None:
        """Bring the tables to this release. The first migration is rewritten until there is one
        release, and then does not lead on from the tables that it made before."""
        first, *others = sorted((MIGRATIONS / "versions").glob("*.py"))
        manage = [nova_compute.program(stack, "manage"), *nova_compute.config(database=True)]

        def sync() -> None:
            stack.node.logged([*manage, "db", "sync"], stack.log("nova-mini-manage"))

        begin = files.digest([first])
        milestones.once(stack, "nova-mini-tables", begin, lambda: mariadb.empty(stack, DATABASE))
        milestones.once(stack, "nova-mini-database", files.digest([first, *others]), sync)


def compute_host(stack: Stack) -> str:
    """Return the host name of the compute service: the node's, or that of the fake hosts."""
    return "fake" if stack.choices.virt_driver == "fake" else stack.node.name
