"""Neutron's server: the API, the RPC server for the agents, and the periodic workers."""

from pathlib import Path

from stacklib import auth, datapath, files, milestones, ports, users, wsgi
from stacklib.component import Component
from stacklib.components import mariadb, rabbitmq
from stacklib.components.venv import PINS
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

PLUG = Path(__file__).parents[1] / "neutron_plug"  # the stack's own drivers

DAEMONS = ("neutron-rpc-server", "neutron-periodic-workers")


class Neutron(Component):
    """The network service: ML2 with Open vSwitch, vxlan for projects, a flat public network."""

    name = "neutron"
    needs = ("keystone", "rabbitmq")
    timeout = 90

    def configure(self, stack: Stack) -> None:
        """Write the configuration; migrate the database."""
        owner = users.ids(wsgi.USER)
        etc = files.directory(stack.etc / self.name, 0o700, owner)
        files.directory(stack.data / self.name, 0o700, owner)
        config = etc / "neutron.conf"
        files.write(config, files.ini(self._options(stack)), 0o600, owner)
        shipped = stack.venv("openstack") / "etc" / "neutron" / "api-paste.ini"
        files.write(etc / "api-paste.ini", shipped.read_text(), 0o600, owner)
        wsgi.configure(
            stack,
            self.name,
            "neutron.wsgi.api",
            ports.NEUTRON,
            # One thread: Neutron is not documented to be thread-safe, and waits only for its
            # database.
            **{"set-placeholder": "start-time=%t", "threads": "1"},
        )
        manage = [
            str(stack.venv("openstack") / "bin" / "neutron-db-manage"),
            "--config-file",
            str(config),
            "upgrade",
            "heads",
        ]
        milestones.once(
            stack,
            "neutron-database",
            files.digest([PINS]),
            lambda: stack.node.logged(manage, stack.log("neutron-db-manage")),
        )

    def units(self, stack: Stack) -> list[Unit]:
        """Return the WSGI server, and the two daemons where there are agents, which they serve."""
        etc = stack.etc / self.name
        watched = (etc / "neutron.conf", etc / "api-paste.ini")
        environment = {
            "OS_NEUTRON_CONFIG_DIR": str(etc),
            "OS_NEUTRON_CONFIG_FILES": "neutron.conf",
            "PYTHONPATH": str(PLUG),
        }
        api = wsgi.unit(stack, self.name, watched, environment)
        if not stack.has("neutron-agents"):
            return [api]
        first, last = (self._daemon(stack, program, watched) for program in DAEMONS)
        return [first, api, last]

    def start(self, stack: Stack) -> None:
        """Start what is not running; stop the daemons of an earlier choice."""
        if not stack.has("neutron-agents"):
            stack.units.stop(*(_unit_of(program) for program in DAEMONS))
        super().start(stack)

    def check(self, stack: Stack) -> None:
        """Check that the version document is served."""
        status, _ = ports.get(stack.node, ports.NEUTRON, "/")
        if status != 200:
            raise Unhealthy(f"Neutron answers {status}")

    def _daemon(self, stack: Stack, program: str, watched: tuple[Path, ...]) -> Unit:
        path = str(stack.venv("openstack") / "bin" / program)
        return Unit(
            name=_unit_of(program),
            argv=(path, "--config-file", str(stack.etc / self.name / "neutron.conf")),
            properties={"User": wsgi.USER, "TimeoutStopSec": "3"},
            environment={
                "LANG": "C.UTF-8",
                "PYTHONWARNINGS": "ignore",
                "PYTHONPATH": str(PLUG),
            },
            watched=watched,
        )

    def _options(self, stack: Stack) -> dict[str, dict[str, object]]:
        data = stack.data / self.name
        fake = stack.choices.virt_driver == "fake"
        return {
            "DEFAULT": {
                "use_stderr": True,
                "state_path": data,
                "core_plugin": "ml2",
                "service_plugins": "router",
                "transport_url": rabbitmq.transport_url(stack),
                "auth_strategy": "keystone",
                "api_paste_config": stack.etc / self.name / "api-paste.ini",
                "notify_nova_on_port_status_changes": True,
                "notify_nova_on_port_data_changes": True,
                "send_events_interval": 1,  # 0 stops the notifier altogether
                "rpc_workers": 1,
                "rpc_state_report_workers": 0,
                "dhcp_agents_per_network": 1,
            },
            "oslo_concurrency": {"lock_path": data},
            "database": {"connection": mariadb.connection(stack, "neutron")},
            "keystone_authtoken": auth.token_check(stack, "neutron"),
            "nova": auth.password(stack, "nova"),
            "ml2": {
                "type_drivers": "local,flat,vlan,vxlan",
                "tenant_network_types": "vxlan",
                "mechanism_drivers": "fake_hosts" if fake else "openvswitch",
                "extension_drivers": "port_security",
            },
            "ml2_type_flat": {"flat_networks": datapath.PHYSICAL_NETWORK},
            "ml2_type_vxlan": {"vni_ranges": "1:10000"},
            "securitygroup": {"enable_security_group": True},
        }


def _unit_of(program: str) -> str:
    return f"nova-mini-stack-{program}"
