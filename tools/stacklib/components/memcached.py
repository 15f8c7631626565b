"""memcached: caches validated tokens for the auth middleware of the services."""

from stacklib import ports
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

ADDRESS = f"127.0.0.1:{ports.MEMCACHED}"


class Memcached(Component):
    """The cache, on loopback."""

    name = "memcached"
    needs = ("node",)
    packages = ("memcached",)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the one daemon, 64 MiB at most."""
        argv = ("memcached", "-l", "127.0.0.1", "-p", str(ports.MEMCACHED), "-m", "64", "-U", "0")
        return [Unit("nova-mini-stack-memcached", argv, {"User": "memcache"})]

    def check(self, stack: Stack) -> None:
        """Check that the daemon answers."""
        answer = ports.converse(stack.node, "127.0.0.1", ports.MEMCACHED, b"version\r\n")
        if not answer.startswith(b"VERSION"):
            raise Unhealthy("memcached does not answer")
