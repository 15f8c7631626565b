"""Consoles in a browser: noVNC's pages, and the proxies for VNC and serial consoles."""

from pathlib import Path

from stacklib import bytecode, command, files, milestones, ports, users
from stacklib.component import Component
from stacklib.components import nova_compute
from stacklib.components.nova_compute import NOTIFY, USER
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

PACKAGE = "novnc"
PROXIES = {"novncproxy": ports.NOVNC, "serialproxy": ports.SERIAL_CONSOLE}


class NoVnc(Component):
    """noVNC's pages, unpacked from Debian's package: none of the 40 packages that it depends on is
    needed."""

    name = "novnc"
    needs = ("packages",)

    def install(self, stack: Stack) -> None:
        """Unpack the package if apt has another version of it."""
        available = command.output(["apt-cache", "policy", PACKAGE])

        def unpack() -> None:
            folder = files.directory(stack.directory / PACKAGE, 0o755)
            for old in folder.glob("*.deb"):
                old.unlink()
            fetch = ["sh", "-c", 'cd "$0" && apt-get download "$1"', str(folder), PACKAGE]
            command.logged(fetch, stack.log(PACKAGE))
            (package,) = folder.glob("*.deb")
            extract = ["dpkg-deb", "--extract", str(package), str(folder)]
            command.logged(extract, stack.log(PACKAGE))

        milestones.once(stack, PACKAGE, available, unpack)


class Consoles(Component):
    """The proxies, which run on the control node."""

    name = "consoles"
    needs = ("nova-mini", "novnc")

    def configure(self, stack: Stack) -> None:
        """Write the configuration, which has no connection of the database."""
        pages = stack.directory / PACKAGE / "usr" / "share" / "novnc"
        address = stack.node.address
        sections = {
            "vnc": {"novncproxy_host": address, "novncproxy_port": ports.NOVNC},
            "serial_console": {
                "serialproxy_host": address,
                "serialproxy_port": ports.SERIAL_CONSOLE,
            },
        }
        group = (0, users.ids(USER)[1])
        config = files.ini({"DEFAULT": {"web": pages}, **sections})
        files.write(_config(stack), config, 0o640, group)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the two proxies."""
        return [self._unit(stack, name) for name in PROXIES]

    def check(self, stack: Stack) -> None:
        """Check that both serve noVNC's page."""
        for name, port in PROXIES.items():
            status, _ = ports.get(stack.node, port, "/vnc_lite.html")
            if status != 200:
                raise Unhealthy(f"nova-mini-{name} answers {status}")

    def _unit(self, stack: Stack, name: str) -> Unit:
        config = [*nova_compute.config(), f"--config-file={_config(stack)}"]
        return Unit(
            name=f"nova-mini-{name}@{stack.node.name}",
            argv=(nova_compute.program(stack, name), *config),
            properties={**NOTIFY, "User": USER},
            environment={"LANG": "C.UTF-8", **bytecode.environment(stack)},
            watched=(
                _config(stack).with_name("nova-mini.conf"),
                _config(stack),
                *nova_compute.code(),
            ),
        )


def _config(stack: Stack) -> Path:
    return stack.etc / "nova-mini" / "nova-mini-consoles.conf"
