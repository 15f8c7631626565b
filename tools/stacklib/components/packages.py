"""Debian's packages of everything that was chosen, in one transaction."""

from stacklib import packages
from stacklib.component import Component
from stacklib.stack import Stack


class Packages(Component):
    """Needed by all the others: they find their programs on the disk."""

    name = "packages"

    def install(self, stack: Stack) -> None:
        """Install what the chosen components name."""
        packages.install(stack.choices.packages, stack.log(self.name))
