"""The two virtual environments: OpenStack's services and clients, and nova_mini."""

from pathlib import Path

from stacklib import venvs
from stacklib.component import Component
from stacklib.stack import REPOSITORY, Stack

PINS = Path(__file__).parents[1] / "openstack-pins.txt"
CEPH_MODULES = ("rados", "rbd")


class Uv(Component):
    """The installer of the other virtual environments."""

    name = "uv"
    needs = ("packages",)
    packages = ("python3", "python3-venv")

    def install(self, stack: Stack) -> None:
        """Install uv from PyPI."""
        venvs.uv(stack)


class OpenStackVenv(Component):
    """Keystone, Glance, Cinder, Neutron and the openstack client, every version pinned."""

    name = "venv-openstack"
    needs = ("uv",)
    packages = ("gcc", "python3-dev")

    def install(self, stack: Stack) -> None:
        """Install exactly the pinned versions."""
        venvs.ensure(stack, "openstack", ["-r", str(PINS)], [PINS])
        venvs.lend(stack, "openstack", CEPH_MODULES)


class NovaMiniVenv(Component):
    """This checkout, editable, with its dependencies."""

    name = "venv-nova-mini"
    needs = ("uv",)
    packages = ("gcc", "python3-dev", "pkg-config|pkgconf", "libvirt-dev")

    def install(self, stack: Stack) -> None:
        """Install the checkout; libvirt-python is compiled against the machine's libvirt."""
        cache = "python-memcached"  # used by the auth middleware to cache tokens
        arguments = ["--constraint", str(PINS), "--editable", str(REPOSITORY), cache]
        venvs.ensure(stack, "nova-mini", arguments, [PINS, REPOSITORY / "pyproject.toml"])
        venvs.lend(stack, "nova-mini", CEPH_MODULES)
