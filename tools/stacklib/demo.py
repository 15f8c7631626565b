"""`stack demo`: the life of one guest, from POST /servers to nothing left of it."""

import re
import time

from stacklib import nova_conf, timeline
from stacklib.client import Client
from stacklib.cloud import Cloud
from stacklib.components.network import OPEN
from stacklib.components.project import KEY
from stacklib.errors import StackError
from stacklib.stack import Stack

IMAGE, FLAVOR, NETWORK = "mini-qcow2", "m1.nano", "private"
BOOT_SECONDS = 90


class Demo:
    """The steps of the demo, each of which raises StackError when it does not come true."""

    def __init__(self, stack: Stack):
        self._stack = stack
        self._client = Client(stack)
        self._name = f"demo-{int(time.time())}"
        self._address = ""
        self._seen = ""  # of the console
        self._key = str(stack.directory / "demo-key")

    def run(self) -> None:
        """Do it all."""
        began = time.monotonic()
        before = self._leftovers()
        self._boot()
        self._let_in()
        self._reach()
        self._timeline()
        self._power()
        self._delete()
        self._prove(before)
        print(f"\nall of it took {time.monotonic() - began:.1f} s")

    def _boot(self) -> None:
        server = self._client.ask(
            "server", "create", "--image", IMAGE, "--flavor", FLAVOR, "--network", NETWORK,
            "--security-group", OPEN, "--key-name", KEY, "--wait", self._name,
        )
        if server["status"] != "ACTIVE":
            raise StackError(f"the server is {server['status']}: {server.get('fault')}")
        print(f"  {server['status']}  {server['id']}  {server['addresses']}")
        self._watch("GUEST: ssh ready")

    def _let_in(self) -> None:
        floating = self._client.ask("floating", "ip", "create", "public")
        self._address = floating["floating_ip_address"]
        self._client.openstack("server", "add", "floating", "ip", self._name, self._address)

    def _reach(self) -> None:
        print(self._client.patiently(
            BOOT_SECONDS, "ping", "-c", "3", "-i", "0.3", "-W", "2", self._address
        ), end="")
        self._ssh("hostname; cat /proc/uptime; uname -r")

    def _ssh(self, command: str) -> None:
        options = ["-i", self._key, "-o", "BatchMode=yes", "-o", "ConnectTimeout=5",
                   "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "LogLevel=ERROR"]
        print(self._client.patiently(
            BOOT_SECONDS, "ssh", *options, f"root@{self._address}", command
        ), end="")

    def _timeline(self) -> None:
        # Which host did what is for administrators, from this microversion on.
        admin = {"cloud": "admin", "show": False}
        event = ("--os-compute-api-version", "2.62", "server", "event")
        name = self._client.ask("server", "show", self._name, show=False)["id"]
        events = self._client.ask(*event, "list", "--long", name, **admin)
        create = next(each for each in events if each["Action"] == "create")
        print("\nhow the build went:")
        print(timeline.render(
            self._client.ask(*event, "show", name, create["Request ID"], **admin)
        ))

    def _power(self) -> None:
        for command, status in (
            (("reboot", "--wait"), "ACTIVE"), (("stop",), "SHUTOFF"), (("start",), "ACTIVE")
        ):
            self._client.openstack("server", *command, self._name)
            self._expect(status)
            if status == "ACTIVE":
                self._watch("GUEST: ssh ready")
        self._ssh("hostname")

    def _delete(self) -> None:
        self._client.openstack("server", "delete", "--wait", self._name)
        self._client.openstack("floating", "ip", "delete", self._address)

    def _prove(self, before: dict[str, set[str]]) -> None:
        """Compare what there is of guests with what there was before the demo."""
        print("\nleft of it:")
        after = self._leftovers()
        left = {what: after[what] - before[what] for what in after}
        for what, names in left.items():
            print(f"  {what:22} {', '.join(sorted(names)) or 'none'}")
        if any(left.values()):
            raise StackError("something was left behind")

    def _leftovers(self) -> dict[str, set[str]]:
        """Return what guests leave in the hypervisor, the network, on disk, in the ledger."""
        quiet = {"show": False}
        admin = {"show": False, "cloud": "admin"}
        ports = self._client.ask("port", "list", "--device-owner", "compute:nova", **admin)
        hosts = Cloud(self._stack).request("GET", "compute", "/os-hypervisors/detail")
        instances = nova_conf.compute_state(self._stack, self._stack.node.name) / "instances"
        taps = self._client.run("ovs-vsctl", "list-ports", "br-int", **quiet).split()
        return {
            "domains": set(self._client.run("virsh", "list", "--all", "--name", **quiet).split()),
            "servers": {each["ID"] for each in self._client.ask("server", "list", **quiet)},
            "ports": {each["ID"] for each in ports},
            "taps": {tap for tap in taps if re.match("tap", tap)},
            "instance directories": {path.name for path in instances.glob("*-*-*-*-*")},
            "vcpus and memory used": {
                f"{host['hypervisor_hostname']}: {host['vcpus_used']} vcpus, "
                f"{host['memory_mb_used']} MiB" for host in hosts["hypervisors"]
            },
        }

    def _expect(self, status: str) -> None:
        """Wait until the server is in `status`."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            seen = self._client.ask("server", "show", self._name, show=False)["status"]
            if seen == status:
                return print(f"  {status}")
            if seen == "ERROR" or time.monotonic() > deadline:
                raise StackError(f"the server is {seen}, not {status}")

    def _watch(self, wanted: str) -> None:
        """Show what the guest prints from here on, until it prints `wanted`."""
        deadline = time.monotonic() + BOOT_SECONDS
        shown = 0
        while True:
            text = self._client.openstack("console", "log", "show", self._name, show=False)
            fresh = text.removeprefix(self._seen)  # another boot may begin another log
            lines = [line[line.index("GUEST:"):] for line in fresh.splitlines() if "GUEST:" in line]
            for line in lines[shown:]:
                print(f"  {line}", flush=True)
            shown = len(lines)
            if any(line.startswith(wanted) for line in lines):
                self._seen = text
                return
            if time.monotonic() > deadline:
                raise StackError(f"the guest did not print {wanted!r} in {BOOT_SECONDS} s")
            time.sleep(0.5)
