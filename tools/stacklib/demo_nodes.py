"""`stack demo --nodes N`: a guest moves between nodes, and survives the loss of one."""

import time

from stacklib import nodes, resources
from stacklib.alone import alone
from stacklib.client import Client
from stacklib.cloud import Cloud
from stacklib.demo_guest import Guest
from stacklib.errors import StackError
from stacklib.fabric import CONTROL
from stacklib.pinging import INTERVAL, pinging
from stacklib.stack import Stack

IMAGE = "mini-raw"  # disks in Ceph are clones of it
LARGER = "m1.tiny"
FIRST, SECOND = "n2", "n1"  # the guest leaves its node for one of them
NOTE = "/root/note"
DOWN_SECONDS = 90  # service_down_time, and a reserve
CLEAN_SECONDS = 120
LIVE, HOSTS = "2.68", "2.96"  # microversions: the last that starts evacuated servers; the newest


class DemoOfNodes:
    """The steps of the demo. A step that fails raises StackError."""

    def __init__(self, stack: Stack):
        self._stack = stack
        self._client = Client(stack)
        self._cloud = Cloud(stack)
        self._name = f"demo-{int(time.time())}"
        self._guest = Guest(self._client, self._name, str(stack.directory / "demo-key"))
        self._server = ""

    def run(self) -> None:
        """Run all steps."""
        began = time.monotonic()
        print(nodes.table(self._stack))
        before = resources.collect(self._stack)
        self._boot()
        self._move_live(FIRST if self._host() != FIRST else SECOND)
        self._resize()
        if self._host() == CONTROL:  # whose power is that of the services, too
            self._move_live(FIRST)
        self._lose_power(self._host())
        self._guest.delete()
        self._client.openstack("floating", "ip", "delete", self._address)
        resources.prove_nothing_is_left(self._stack, before)
        print(f"\nall of it took {time.monotonic() - began:.1f} s")

    def _boot(self) -> None:
        _title("a guest boots, and gets an address that the world can reach")
        answer = self._client.ask("floating", "ip", "create", "public")
        self._address = answer["floating_ip_address"]
        self._guest.boot("--image", IMAGE)
        self._guest.let_in(self._address)
        shown = self._client.ask("server", "show", self._name, show=False)
        self._server = shown["id"]
        print(self._guest.ping(), end="")
        self._guest.ssh(f"echo written before everything >{NOTE}; sync")
        self._say_where()

    def _move_live(self, node: str) -> None:
        """Migrate the guest to a node while it runs, and is pinged."""
        source = self._host()
        _title(f"the guest moves from {source} to {node} while it answers pings")
        with pinging(self._stack.node.command(()), self._address) as pings:
            move = ("server", "migrate", "--live-migration", "--host", node, "--wait")
            self._admin(*move, self._server)
            self._require_host(node)
            silence = pings.stop()
        self._say_where()
        print(
            f"  pinged ten times a second: the longest time without an answer was "
            f"{silence.longest:.1f} s; {silence.lost / INTERVAL:.0f} pings in a row were lost"
        )
        print(self._guest.ssh("cat /proc/uptime"), end="")

    def _resize(self) -> None:
        _title(f"the guest becomes larger: {LARGER}")
        print(self._guest.ssh("grep MemTotal /proc/meminfo"), end="")
        self._client.openstack("server", "resize", "--flavor", LARGER, "--wait", self._name)
        self._guest.expect("VERIFY_RESIZE")
        self._client.openstack("server", "resize", "confirm", self._name)
        self._guest.expect("ACTIVE")
        self._guest.watch("ssh ready")
        print(self._guest.ssh("grep MemTotal /proc/meminfo"), end="")
        self._say_where()

    def _lose_power(self, node: str) -> None:
        """Cut the node of the guest off from power, and start the guest on another one."""
        _title(f"{node} loses its power")
        began = time.monotonic()
        with alone(self._stack):
            nodes.disturb(self._stack, node, "crash")
        print(f"\n$ tools/stack node crash {node}")
        try:
            self._await_down(node)
            _title("the guest starts on another node, with its disk and its address")
            # With --wait the client waits for ever: it compares "active" with "ACTIVE".
            self._admin("server", "evacuate", self._server)
            self._guest.expect("ACTIVE")
            self._guest.watch("ssh ready")
            print(self._guest.ping(), end="")
            seconds = time.monotonic() - began
            print(f"  {seconds:.0f} s after its node has lost its power, the guest answers")
            print(self._guest.ssh(f"cat {NOTE}"), end="")
            self._say_where()
            if self._host() == node:
                raise StackError(f"the guest is on {node} still")
        finally:
            _title(f"{node} gets its power back, and removes what it has lost")
            print(f"\n$ tools/stack node start {node}")
            with alone(self._stack):
                failed = nodes.up(self._stack, (node,), self._stack.choices.components)
        if failed:
            raise StackError(f"{node} did not start")
        self._await_clean()

    def _await_down(self, node: str) -> None:
        began = time.monotonic()
        path = f"/os-services?binary=nova-compute&host={node}"
        while True:
            (service,) = self._cloud.request("GET", "compute", path)["services"]
            seconds = time.monotonic() - began
            if service["state"] == "down":
                return print(f"  {seconds:.0f} s later, the cloud knows that {node} is down")
            if seconds > DOWN_SECONDS:
                raise StackError(f"{node} is {service['state']} after {seconds:.0f} s")
            time.sleep(1)

    def _await_clean(self) -> None:
        """Wait until the node that has returned has removed what it had of the guest."""
        deadline = time.monotonic() + CLEAN_SECONDS
        path = f"/os-migrations?instance_uuid={self._server}&migration_type=evacuation"
        while True:
            headers = {"OpenStack-API-Version": f"compute {HOSTS}"}
            found = self._cloud.request("GET", "compute", path, headers=headers)["migrations"]
            if [each["status"] for each in found] == ["completed"]:
                return print("  the evacuation is completed")
            if time.monotonic() > deadline:
                raise StackError(f"the evacuation is not completed after {CLEAN_SECONDS} s")
            time.sleep(1)

    def _admin(self, *argv: str) -> None:
        version = ("--os-compute-api-version", LIVE)
        self._client.openstack(*version, *argv, cloud="admin")

    def _host(self) -> str:
        shown = self._cloud.request("GET", "compute", f"/servers/{self._server}")["server"]
        return shown["OS-EXT-SRV-ATTR:host"]

    def _require_host(self, node: str) -> None:
        if self._host() != node:
            raise StackError(f"the guest is on {self._host()}, not on {node}")

    def _say_where(self) -> None:
        print(f"  the guest is on {self._host()}", flush=True)


def _title(text: str) -> None:
    print(f"\n── {text}", flush=True)
