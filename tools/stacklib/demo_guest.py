"""A guest of the demo: the operations of its user, and its console."""

import time

from stacklib.client import Client
from stacklib.components.network import OPEN
from stacklib.components.project import KEY
from stacklib.errors import StackError

FLAVOR, NETWORK = "m1.nano", "private"
BOOT_SECONDS = 90
SSH = (
    "-o",
    "BatchMode=yes",
    "-o",
    "ConnectTimeout=5",
    "-o",
    "StrictHostKeyChecking=no",
    "-o",
    "UserKnownHostsFile=/dev/null",
    "-o",
    "LogLevel=ERROR",
)


class Guest:
    """A server called `name`. Methods raise StackError when an operation fails or takes too
    long."""

    def __init__(self, client: Client, name: str, key: str):
        self._client = client
        self._name = name
        self._key = key
        self._address = ""
        self._seen = ""  # the console output that was shown

    def boot(self, *source: str) -> None:
        """Create the server from `source`, and wait until root can log in."""
        server = self._client.ask(
            "server",
            "create",
            *source,
            "--flavor",
            FLAVOR,
            "--network",
            NETWORK,
            "--security-group",
            OPEN,
            "--key-name",
            KEY,
            "--wait",
            self._name,
        )
        if server["status"] != "ACTIVE":
            raise StackError(f"the server is {server['status']}: {server.get('fault')}")
        print(f"  {server['status']}  {server['id']}  {server['addresses']}")
        self.watch("ssh ready")

    def let_in(self, address: str) -> None:
        """Associate the floating `address`, which `ping` and `ssh` use."""
        self._client.openstack("server", "add", "floating", "ip", self._name, address)
        self._address = address

    def ping(self) -> str:
        """Return the output of ping."""
        ping = ("ping", "-c", "3", "-i", "0.3", "-W", "2", self._address)
        return self._client.retry(BOOT_SECONDS, *ping)

    def ssh(self, command: str) -> str:
        """Run `command` in the guest, and return its output."""
        login = ("ssh", "-i", self._key, *SSH, f"root@{self._address}", command)
        return self._client.retry(BOOT_SECONDS, *login)

    def attach(self, volume: str) -> str:
        """Attach the volume; wait until the guest has found it, and return the guest's device."""
        answer = self._client.ask("server", "add", "volume", self._name, volume)
        disk = answer["Device"]
        self.watch(f"hotplug add {disk.removeprefix('/dev/')}")
        return disk

    def detach(self, volume: str, disk: str) -> None:
        """Detach the volume; wait until the guest has released it."""
        self._client.openstack("server", "remove", "volume", self._name, volume)
        self.watch(f"hotplug remove {disk.removeprefix('/dev/')}")

    def volumes(self) -> list[str]:
        """Return the ids of the volumes that are attached."""
        found = self._client.ask("server", "volume", "list", self._name, show=False)
        return [each["Volume ID"] for each in found]

    def delete(self) -> None:
        """Delete the server."""
        self._client.openstack("server", "delete", "--wait", self._name)

    def expect(self, status: str) -> None:
        """Wait until the server is in `status`."""
        deadline = time.monotonic() + BOOT_SECONDS
        while True:
            seen = self._client.ask("server", "show", self._name, show=False)["status"]
            if seen == status:
                return print(f"  {status}")
            if seen == "ERROR" or time.monotonic() > deadline:
                raise StackError(f"the server is {seen}, not {status}")

    def watch(self, wanted: str) -> None:
        """Show the console output of the guest until it prints `wanted`."""
        deadline = time.monotonic() + BOOT_SECONDS
        shown = 0
        while True:
            text = self._client.openstack("console", "log", "show", self._name, show=False)
            fresh = text.removeprefix(self._seen)  # a new boot may begin a new log
            lines = [
                line[line.index("GUEST:") :] for line in fresh.splitlines() if "GUEST:" in line
            ]
            for line in lines[shown:]:
                print(f"  {line}", flush=True)
            shown = len(lines)
            if any(line.startswith(f"GUEST: {wanted}") for line in lines):
                self._seen = text
                return
            if time.monotonic() > deadline:
                raise StackError(f"the guest did not print {wanted!r} in {BOOT_SECONDS} s")
            time.sleep(0.5)
