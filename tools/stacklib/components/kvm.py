"""Finds out whether servers can use KVM on this machine. If not, they are emulated."""

from stacklib import kvm
from stacklib.component import Component
from stacklib.stack import Stack


class Kvm(Component):
    """It has no daemon."""

    name = "kvm"
    needs = ("guest-image",)
    packages = ("qemu-system-x86",)

    def install(self, stack: Stack) -> None:
        """Try it."""
        kvm.probe(stack)
