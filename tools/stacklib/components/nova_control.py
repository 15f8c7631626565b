"""nova_mini's api, conductor and scheduler on a control node."""

from stacklib import bytecode, files, nova_conf, ports, users
from stacklib.component import Component
from stacklib.components import ceph, nova_compute
from stacklib.components.nova_compute import NOTIFY, USER
from stacklib.errors import Unhealthy
from stacklib.stack import REPOSITORY, Stack
from stacklib.units import Unit

PASTE = REPOSITORY / "etc" / "nova-mini" / "api-paste.ini"
SERVICES = ("conductor", "scheduler", "api")  # those that others call are first


class NovaControl(Component):
    """The three services on a further control node. The first one has them in NovaMini."""

    name = "nova-control"
    needs = ("nova-mini", "nova-compute")  # the tables, and the configuration of the node
    wants = ("rabbitmq", "memcached", "ceph-client")
    timeout = 90

    def configure(self, stack: Stack) -> None:
        """Write the configuration, with the connection of the database, and Ceph's key."""
        configure(stack)
        if stack.has("ceph"):
            ceph.write_fence_keyring(stack)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the three daemons."""
        return units(stack)

    def check(self, stack: Stack) -> None:
        """Check that the API of the node is healthy."""
        check(stack)


def configure(stack: Stack) -> None:
    """Write what only the control nodes have. A compute cannot read the file with the connection
    of the database."""
    database = files.ini(nova_conf.database(stack))
    group = (0, users.ids(USER)[1])
    files.write(stack.etc / "nova-mini" / "nova-mini-db.conf", database, 0o640, group)
    state = stack.data / "nova-mini"
    files.directory(state, 0o755)
    files.directory(state / "control", 0o750, users.ids(USER))


def units(stack: Stack) -> list[Unit]:
    """Return the daemons of the node."""
    return [_unit(stack, service) for service in SERVICES]


def check(stack: Stack) -> None:
    """Raise Unhealthy if the API of the node does not answer."""
    status, _ = ports.get(stack.node, ports.COMPUTE, "/healthcheck")
    if status != 200:
        raise Unhealthy(f"the Compute API answers {status}")


def _unit(stack: Stack, service: str) -> Unit:
    config = nova_compute.config(database=True)
    etc = stack.etc / "nova-mini"
    watched = (etc / "nova-mini.conf", etc / "nova-mini-db.conf", *nova_compute.code())
    return Unit(
        name=f"nova-mini-{service}@{stack.node.name}",
        argv=(nova_compute.program(stack, service), *config),
        properties={**NOTIFY, "User": USER},
        environment={"LANG": "C.UTF-8", **bytecode.environment(stack)},
        watched=watched + ((PASTE,) if service == "api" else ()),
    )
