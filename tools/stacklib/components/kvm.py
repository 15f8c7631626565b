"""Whether servers can have KVM on this machine; where they cannot, they are emulated."""

from stacklib import kvm
from stacklib.component import Component
from stacklib.stack import Stack


class Kvm(Component):
    """No daemon: an answer that is found once."""

    name = "kvm"
    needs = ("guest-image",)
    packages = ("qemu-system-x86",)

    def install(self, stack: Stack) -> None:
        """Try it."""
        kvm.probe(stack)
