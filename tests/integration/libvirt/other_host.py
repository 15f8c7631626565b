"""A stand-in for another host, reachable by ssh: the same paths, other files. Runs in the node."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
import time
from collections.abc import Iterator

from tests.functional.harness.network import free_port, greets

NAME = "other-host"
_UNIT = "nova-mini-test-sshd"
_CLIENT = pathlib.Path("/etc/ssh/ssh_config.d/nova-mini-test.conf")
_SECONDS = 10


@contextlib.contextmanager
def running(home: pathlib.Path, instances_path: pathlib.Path) -> Iterator[pathlib.Path]:
    """Run it during the block; ssh of this host finds it by its name. Yields the folder that is
    ``instances_path`` there."""
    instances, server, client = (home / name for name in ("instances", "server", "client"))
    for folder in (instances, server, client):
        folder.mkdir(parents=True, mode=0o700)
    instances_path.mkdir(parents=True, exist_ok=True)
    port = free_port()
    _make_keys(server, client)
    options = "StrictHostKeyChecking no\nUserKnownHostsFile /dev/null\nLogLevel ERROR\n"
    _CLIENT.parent.mkdir(parents=True, exist_ok=True)
    _CLIENT.write_text(
        f"Host {NAME}\nHostName 127.0.0.1\nPort {port}\nUser root\nIdentityFile {client}/key\n"
        + options
    )
    _start(port, server, {instances: instances_path, server: pathlib.Path("/root/.ssh")})
    try:
        yield instances
    finally:
        _CLIENT.unlink()
        subprocess.run(["systemctl", "stop", _UNIT], capture_output=True, timeout=60)


def _make_keys(server: pathlib.Path, client: pathlib.Path) -> None:
    host_key, key = str(server / "host_key"), str(client / "key")
    _run("dropbearkey", "-t", "ed25519", "-f", host_key)
    _run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    (server / "authorized_keys").write_text((client / "key.pub").read_text())
    (server / "authorized_keys").chmod(0o600)


def _start(port: int, server: pathlib.Path, seen: dict[pathlib.Path, pathlib.Path]) -> None:
    """``seen``: path here -> path there."""
    pathlib.Path("/root/.ssh").mkdir(exist_ok=True, mode=0o700)
    binds = [f"--property=BindPaths={here}:{there}" for here, there in seen.items()]
    sshd = ["dropbear", "-F", "-E", "-s", "-p", f"127.0.0.1:{port}", "-r", f"{server}/host_key"]
    subprocess.run(["systemctl", "stop", _UNIT], capture_output=True, timeout=60)
    _run("systemd-run", "--quiet", "--collect", f"--unit={_UNIT}", *binds, *sshd)
    deadline = time.monotonic() + _SECONDS
    while not greets(port, b"", b"SSH-2.0"):
        assert time.monotonic() < deadline, "dropbear did not start"
        time.sleep(0.1)


def _run(*argv: str) -> None:
    subprocess.run(argv, check=True, capture_output=True, timeout=60)
