"""ssh between the users of the compute services (root), for disks and live migrations."""

from pathlib import Path

from stacklib import command, fabric, files, ports
from stacklib.component import Component
from stacklib.errors import Unhealthy
from stacklib.stack import Stack
from stacklib.units import Unit

HOST_KEY, USER_KEY = "host-key", "user-key"
AUTHORIZED = "/root/.ssh/authorized_keys"
KNOWN = "/etc/ssh/nova-mini-stack.known-hosts"
CLIENT = "/etc/ssh/ssh_config.d/nova-mini-stack.conf"


class Ssh(Component):
    """The daemon of a node, and what makes it and the clients of all nodes trust each other."""

    name = "ssh"
    needs = ("node",)
    packages = ("dropbear-bin", "openssh-client", "openssh-sftp-server")

    def install(self, stack: Stack) -> None:
        """Create the keys of the stack."""
        if stack.is_control:
            for name in (HOST_KEY, USER_KEY):
                _make_pair(stack, name)

    def configure(self, stack: Stack) -> None:
        """Write the keys. All nodes of a stack have the same ones."""
        etc = files.directory(stack.etc / self.name)
        user, host = _pair(stack, USER_KEY), _pair(stack, HOST_KEY)
        files.write(etc / USER_KEY, user[0])
        files.write(etc / HOST_KEY, host[0])
        self._convert(etc / HOST_KEY)
        names = ",".join(f"{name},{fabric.address(name)}" for name in fabric.NAMES)
        stack.node.write(AUTHORIZED, user[1])
        stack.node.write(KNOWN, f"{names} {host[1]}", 0o644)
        text = (
            f"Host {names.replace(',', ' ')}\n"
            f"User root\nIdentityFile {etc / USER_KEY}\nUserKnownHostsFile {KNOWN}\n"
        )
        stack.node.write(CLIENT, text, 0o644)

    def units(self, stack: Stack) -> list[Unit]:
        """Return the daemon, which takes only the key."""
        key = stack.etc / self.name / f"{HOST_KEY}.dropbear"
        where = f"{stack.node.address}:{ports.SSH}"
        argv = ("/usr/sbin/dropbear", "-F", "-E", "-s", "-p", where, "-r", str(key))
        return [Unit("nova-mini-stack-ssh", argv, {"KillMode": "process"}, watched=(key,))]

    def check(self, stack: Stack) -> None:
        """Check that the daemon greets."""
        answer = ports.converse(stack.node, stack.node.address, ports.SSH, b"")
        if not answer.startswith(b"SSH-2.0"):
            raise Unhealthy("the ssh daemon does not answer")

    def _convert(self, key: Path) -> None:
        """Write the host key in the format of dropbear, which runs in a node."""
        converted = key.with_name(f"{HOST_KEY}.dropbear")
        if not converted.exists():
            draft = key.with_name("draft")
            argv = ["dropbearconvert", "openssh", "dropbear", str(key), str(draft)]
            command.output(argv)
            draft.rename(converted)


def _make_pair(stack: Stack, name: str) -> None:
    path = files.directory(stack.directory / "ssh") / name
    if not path.with_suffix(".pub").exists():
        path.unlink(missing_ok=True)
        words = ["-q", "-t", "ed25519", "-N", "", "-C", "nova-mini-stack", "-f", str(path)]
        command.output(["ssh-keygen", *words])


def _pair(stack: Stack, name: str) -> tuple[str, str]:
    """Return the texts of a private key of the stack and of its public key."""
    path = stack.directory / "ssh" / name
    return path.read_text(), path.with_suffix(".pub").read_text()
