"""nova_mini itself: its database, its configuration, its four daemons."""

from pathlib import Path

from stacklib import bytecode, files, milestones, nova_conf, ports, users, venvs
from stacklib.component import Component
from stacklib.components import mariadb
from stacklib.errors import Unhealthy
from stacklib.stack import REPOSITORY, Stack
from stacklib.units import Unit

USER = "nova-mini"
PASTE = REPOSITORY / "etc" / "nova-mini" / "api-paste.ini"
DATABASE = "nova_mini"
MIGRATIONS = REPOSITORY / "nova_mini" / "db" / "migrations"
# A daemon that is told to stop finishes what it runs: its children get no signal before that.
NOTIFY = {
    "Type": "notify",
    "NotifyAccess": "all",
    "WatchdogSec": "30",
    "TimeoutStartSec": "60",
    "KillMode": "mixed",
}
POWER_OFF = "for guest in $(virsh list --name); do virsh destroy $guest; done"


class NovaMini(Component):
    """The Compute service."""

    name = "nova-mini"
    needs = ("rabbitmq", "mariadb", "venv-nova-mini")
    wants = ("memcached", "keystone", "glance", "ceph", "cinder", "neutron", "libvirt", "kvm")

    def configure(self, stack: Stack) -> None:
        """Write the configuration; migrate the database. Only three services may read where
        the database is: a compute has no business there."""
        etc = files.directory(stack.etc / self.name, 0o755)
        mode, owner = 0o640, (0, users.ids(USER)[1])
        files.write(etc / "nova-mini.conf", files.ini(nova_conf.common(stack)), mode, owner)
        files.write(etc / "nova-mini-db.conf", files.ini(nova_conf.database(stack)), mode, owner)
        host = compute_host(stack)
        files.directory(nova_conf.compute_state(stack, host), 0o755)
        text = files.ini(nova_conf.compute(stack, host))
        files.write(etc / f"nova-mini-compute@{host}.conf", text)
        state = stack.data / self.name
        files.directory(state, 0o755)
        files.directory(state / "control", 0o750, users.ids(USER))
        stack.node.run(["ln", "-sfn", str(etc), "/etc/nova-mini"])
        code = files.digest([stack.venv("nova-mini") / venvs.MARK, *_code()])
        milestones.once(stack, "nova-mini-bytecode", code, lambda: bytecode.compile_all(stack))
        self._migrate(stack)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the daemons, those that others talk to first."""
        control = [self._control(stack, name) for name in ("conductor", "scheduler", "api")]
        return [*control, self._compute(stack, compute_host(stack))]

    def start(self, stack: Stack) -> None:
        """Start the daemons; stop the compute that an earlier choice had."""
        wanted = {unit.name for unit in self.units(stack)}
        running = stack.units.names("nova-mini-compute@*")
        stack.units.stop(*(name for name in running if name not in wanted))
        super().start(stack)

    def check(self, stack: Stack) -> None:
        """The API says that it is well."""
        status, _ = ports.get(stack.node, ports.COMPUTE, "/healthcheck")
        if status != 200:
            raise Unhealthy(f"the Compute API answers {status}")

    def stop(self, stack: Stack) -> None:
        """Stop the daemons, then power the servers off while what they write to is still there."""
        super().stop(stack)
        if stack.has("libvirt"):
            stack.node.run(["sh", "-c", POWER_OFF])

    def _migrate(self, stack: Stack) -> None:
        """Bring the tables to this release. The first migration is rewritten until there is one
        release, and then does not lead on from the tables that it made before."""
        first, *others = sorted((MIGRATIONS / "versions").glob("*.py"))
        manage = [self._program(stack, "manage"), *self._config(stack, database=True)]

        def sync() -> None:
            stack.node.logged([*manage, "db", "sync"], stack.log("nova-mini-manage"))

        begin = files.digest([first])
        milestones.once(stack, "nova-mini-tables", begin, lambda: mariadb.empty(stack, DATABASE))
        milestones.once(stack, "nova-mini-database", files.digest([first, *others]), sync)

    def _control(self, stack: Stack, service: str) -> Unit:
        config = self._config(stack, database=True)
        etc = stack.etc / self.name
        watched = (etc / "nova-mini.conf", etc / "nova-mini-db.conf", *_code())
        return Unit(
            name=f"nova-mini-{service}@{stack.node.name}",
            argv=(self._program(stack, service), *config),
            properties={**NOTIFY, "User": USER},
            environment={"LANG": "C.UTF-8", **bytecode.environment(stack)},
            watched=watched + ((PASTE,) if service == "api" else ()),
        )

    def _compute(self, stack: Stack, host: str) -> Unit:
        etc = stack.etc / self.name
        own = etc / f"nova-mini-compute@{host}.conf"
        return Unit(
            name=f"nova-mini-compute@{host}",
            argv=(self._program(stack, "compute"), *self._config(stack), f"--config-file={own}"),
            properties=NOTIFY,
            environment={"LANG": "C.UTF-8", **bytecode.environment(stack)},
            watched=(etc / "nova-mini.conf", own, *_code()),
        )

    def _program(self, stack: Stack, service: str) -> str:
        return str(stack.venv("nova-mini") / "bin" / f"nova-mini-{service}")

    def _config(self, stack: Stack, database: bool = False) -> list[str]:
        names = ["nova-mini.conf"] + (["nova-mini-db.conf"] if database else [])
        return [f"--config-file={Path('/etc/nova-mini') / name}" for name in names]


def _code() -> list[Path]:
    """Return what a daemon runs: after an edit, `up` restarts it."""
    return sorted((REPOSITORY / "nova_mini").rglob("*.py"))


def compute_host(stack: Stack) -> str:
    """Return the name of the compute service: the node's, or the one that plays the fake hosts."""
    return "fake" if stack.choices.virt_driver == "fake" else stack.node.name
