"""Debian's packages of all chosen components, installed in one transaction."""

from stacklib import packages
from stacklib.component import Component
from stacklib.stack import Stack


class Packages(Component):
    """Required by all other components."""

    name = "packages"

    def install(self, stack: Stack) -> None:
        """Install the packages of the chosen components."""
        packages.install(stack.choices.packages, stack.log(self.name))
