"""Public flavors, and the demo user's key."""

from stacklib import command, milestones
from stacklib.cloud import Cloud
from stacklib.component import Component
from stacklib.stack import Stack

# name: (id, MiB of memory, vcpus, GiB of disk)
FLAVORS = {
    "m1.nano": ("42", 96, 1, 1),
    "m1.tiny": ("1", 512, 1, 1),
    "m1.small": ("2", 2048, 1, 20),
}
KEY = "demo"


class Project(Component):
    """The flavors and the key that `openstack server create` needs."""

    name = "project"
    needs = ("nova-mini", "keystone")
    wants = ("network", "images")
    packages = ("openssh-client",)

    def install(self, stack: Stack) -> None:
        """Create the key."""
        key = stack.directory / "demo-key"
        if not key.with_suffix(".pub").exists():
            key.unlink(missing_ok=True)
            argv = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", KEY, "-f", str(key)]
            command.output(argv)

    def finish(self, stack: Stack) -> None:
        """Create the flavors and import the key, through the Compute API."""
        public = (stack.directory / "demo-key.pub").read_text().strip()
        inputs = [FLAVORS, public, milestones.reached(stack, "nova-mini-tables")]
        milestones.once(stack, "project", inputs, lambda: self._fill(stack, public))

    def _fill(self, stack: Stack, public: str) -> None:
        admin = Cloud(stack)
        known = {each["name"] for each in admin.request("GET", "compute", "/flavors")["flavors"]}
        for name, (number, memory, vcpus, disk) in FLAVORS.items():
            if name not in known:
                flavor = {"id": number, "name": name, "ram": memory, "vcpus": vcpus, "disk": disk}
                admin.request("POST", "compute", "/flavors", {"flavor": flavor})
        demo = Cloud(stack, "demo", "demo")
        pairs = demo.request("GET", "compute", "/os-keypairs")["keypairs"]
        if KEY in (pair["keypair"]["name"] for pair in pairs):
            demo.request("DELETE", "compute", f"/os-keypairs/{KEY}")
        body = {"keypair": {"name": KEY, "public_key": public}}
        demo.request("POST", "compute", "/os-keypairs", body)
