"""`stack demo`: creates, uses and deletes two servers and a volume."""

import time

from stacklib import resources, timeline
from stacklib.client import Client
from stacklib.cloud import Cloud
from stacklib.demo_guest import Guest
from stacklib.errors import StackError
from stacklib.stack import Stack

IMAGE = "mini-raw"  # volumes, and disks in Ceph, are clones of it
WRITE = "mkfs.ext4 -q {disk} && mount {disk} /mnt && hostname > /mnt/writer && umount /mnt"
READ = "mount -o ro {disk} /mnt && cat /mnt/writer && umount /mnt"


class Demo:
    """The steps of the demo. A step that fails raises StackError."""

    def __init__(self, stack: Stack):
        self._stack = stack
        self._client = Client(stack)
        self._name = f"demo-{int(time.time())}"
        self._key = str(stack.directory / "demo-key")

    def run(self) -> None:
        """Run all steps."""
        began = time.monotonic()
        before = resources.collect(self._stack)
        answer = self._client.ask("floating", "ip", "create", "public")
        self._address = answer["floating_ip_address"]
        first = self._guest(self._name)
        first.boot("--image", IMAGE)
        first.let_in(self._address)
        print(first.ping(), end="")
        print(first.ssh("hostname; cat /proc/uptime; uname -r"), end="")
        self._timeline()
        if self._stack.has("consoles"):
            self._console()
        if self._stack.has("cinder"):
            self._write(first)
        self._power(first)
        first.delete()
        if self._stack.has("cinder"):
            self._read(self._guest(f"{self._name}-from-volume"))
        self._client.openstack("floating", "ip", "delete", self._address)
        resources.prove_nothing_is_left(self._stack, before)
        print(f"\nall of it took {time.monotonic() - began:.1f} s")

    def _guest(self, name: str) -> Guest:
        return Guest(self._client, name, self._key)

    def _timeline(self) -> None:
        # Administrators see the hosts of events from this microversion on.
        admin = {"cloud": "admin", "show": False}
        event = ("--os-compute-api-version", "2.62", "server", "event")
        name = self._client.ask("server", "show", self._name, show=False)["id"]
        events = self._client.ask(*event, "list", "--long", name, **admin)
        create = next(each for each in events if each["Action"] == "create")
        print("\nhow the build went:")
        print(
            timeline.render(self._client.ask(*event, "show", name, create["Request ID"], **admin))
        )

    def _console(self) -> None:
        """Print the URL that shows the screen of the guest in a browser."""
        demo = Cloud(self._stack, "demo", "demo")
        found = demo.find("compute", "/servers", "servers", name=self._name)
        body = {"remote_console": {"protocol": "vnc", "type": "novnc"}}
        path = f"/servers/{found['id']}/remote-consoles"
        version = {"OpenStack-API-Version": "compute 2.6"}
        console = demo.request("POST", "compute", path, body, version)["remote_console"]
        print(f"\nits screen, in a browser, for ten minutes:\n  {console['url']}")

    def _write(self, guest: Guest) -> None:
        """Attach a volume to a running guest, write to it, and detach it."""
        self._client.openstack("volume", "create", "--size", "1", self._name)
        self._await_volume()
        disk = guest.attach(self._name)
        guest.ssh(WRITE.format(disk=disk))
        guest.detach(self._name, disk)
        self._await_volume()

    def _read(self, guest: Guest) -> None:
        """Boot a guest from its own volume, and read what the other guest has written."""
        guest.boot("--image", IMAGE, "--boot-from-volume", "1")
        guest.let_in(self._address)
        disk = guest.attach(self._name)
        writer = guest.ssh(READ.format(disk=disk))
        print(f"  the volume was written by {writer}", end="")
        if writer.strip() != self._name:
            raise StackError(f"the volume holds {writer!r}, not what {self._name} has written")
        own = guest.volumes()
        guest.delete()
        self._await_volume()
        self._client.openstack("volume", "delete", *own)

    def _await_volume(self) -> None:
        """Wait until the volume can be attached."""
        deadline = time.monotonic() + 60
        while True:
            volume = self._client.ask("volume", "show", self._name, show=False)
            if volume["status"] == "available":
                return
            if volume["status"] == "error" or time.monotonic() > deadline:
                raise StackError(f"the volume is {volume['status']}, not available")

    def _power(self, guest: Guest) -> None:
        for command, status in (
            (("reboot", "--wait"), "ACTIVE"),
            (("stop",), "SHUTOFF"),
            (("start",), "ACTIVE"),
        ):
            self._client.openstack("server", *command, self._name)
            guest.expect(status)
            if status == "ACTIVE":
                guest.watch("ssh ready")
        print(guest.ssh("hostname"), end="")
