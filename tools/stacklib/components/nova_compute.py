"""The compute service of a node."""

from pathlib import Path

from stacklib import bytecode, files, nova_conf, times, users
from stacklib.cloud import Cloud
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.stack import REPOSITORY, Stack
from stacklib.units import Unit

USER = "nova-mini"
# On SIGTERM a daemon finishes running operations, so systemd must not signal its children.
NOTIFY = {
    "Type": "notify",
    "NotifyAccess": "all",
    "WatchdogSec": "30",
    "TimeoutStartSec": "60",
    "KillMode": "mixed",
}
POWER_OFF = "for guest in $(virsh list --name); do virsh destroy $guest; done"


class NovaCompute(Component):
    """The compute service of a node that runs only servers."""

    name = "nova-compute"
    needs = ("nova-mini",)
    wants = ("ceph-client", "ssh", "libvirt", "kvm")
    timeout = 90

    def configure(self, stack: Stack) -> None:
        """Write the configuration, which has no connection of the database."""
        configure(stack, stack.node.name)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the one daemon."""
        return [unit(stack, stack.node.name)]

    def check(self, stack: Stack) -> None:
        """Check that the cloud hears of the service since it was started."""
        if not stack.has("keystone"):
            return
        host = stack.node.name
        services = Cloud(stack).request("GET", "compute", f"/os-services?host={host}")["services"]
        started = int(stack.units.started(f"nova-mini-compute@{host}"))
        heard = [each for each in services if times.seconds(each["updated_at"]) >= started]
        if not any(each["state"] == "up" for each in heard):
            raise Unhealthy("the cloud has not heard of it since it was started")

    def stop(self, stack: Stack) -> None:
        """Stop the daemon, then power off the servers while their storage is still running."""
        super().stop(stack)
        power_off_servers(stack)


def configure(stack: Stack, host: str) -> None:
    """Write the configuration of the daemons of a node and of the compute service of `host`."""
    etc = files.directory(stack.etc / "nova-mini", 0o755)
    group = (0, users.ids(USER)[1])
    files.write(etc / "nova-mini.conf", files.ini(nova_conf.common(stack)), 0o640, group)
    files.directory(stack.compute_state(host), 0o755)
    files.write(_own(stack, host), files.ini(nova_conf.compute(stack, host)))
    stack.node.run(["ln", "-sfn", str(etc), "/etc/nova-mini"])


def unit(stack: Stack, host: str) -> Unit:
    """Return the compute service of `host`."""
    own = _own(stack, host)
    return Unit(
        name=f"nova-mini-compute@{host}",
        argv=(program(stack, "compute"), *config(), f"--config-file={own}"),
        properties=NOTIFY,
        environment={"LANG": "C.UTF-8", **bytecode.environment(stack)},
        watched=(own.with_name("nova-mini.conf"), own, *code()),
    )


def power_off_servers(stack: Stack) -> None:
    """Power off all servers of the node."""
    if stack.has("libvirt"):
        stack.node.run(["sh", "-c", POWER_OFF])


def program(stack: Stack, service: str) -> str:
    """Return the path of a daemon, or of the tool `manage`."""
    return str(stack.venv("nova-mini") / "bin" / f"nova-mini-{service}")


def config(database: bool = False) -> list[str]:
    """Return the options for the configuration files; a compute cannot read that of the
    database."""
    names = ["nova-mini.conf"] + (["nova-mini-db.conf"] if database else [])
    return [f"--config-file={Path('/etc/nova-mini') / name}" for name in names]


def code() -> list[Path]:
    """Return the files of the code: if one has changed, `up` restarts the daemons."""
    return sorted((REPOSITORY / "nova_mini").rglob("*.py"))


def _own(stack: Stack, host: str) -> Path:
    return stack.etc / "nova-mini" / f"nova-mini-compute@{host}.conf"
