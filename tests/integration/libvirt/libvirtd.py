"""A libvirtd for the tests beside that of the node: the same network, other domains and files."""

from __future__ import annotations

import contextlib
import pathlib
import subprocess
from collections.abc import Iterator

_UNIT = "nova-mini-test-libvirtd"
_SOCKETS = pathlib.Path("/run/nova-mini-test-libvirt")
_CONFIG = f"""\
unix_sock_dir = "{_SOCKETS}"
unix_sock_group = "root"
auth_unix_ro = "none"
auth_unix_rw = "none"
host_uuid = "8f7c3a52-1c0e-4ac9-b1f5-1b7c8d1f6a01"
"""
# The folders with the state of a libvirtd. The configuration of QEMU is that of the node.
_PROPERTIES = (
    "Type=notify",
    "TemporaryFileSystem=/run/libvirt /var/lib/libvirt /etc/libvirt",
    "BindReadOnlyPaths=/etc/libvirt/qemu.conf",
)
_DAEMONS = (
    # libvirtd alone says when they are ready
    "env --unset=NOTIFY_SOCKET virtlogd --daemon --pid-file /run/libvirt/virtlogd.pid && "
    f"exec libvirtd --pid-file /run/libvirt/libvirtd.pid --config {_SOCKETS}/libvirtd.conf"
)


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Run it during the block. Yields its URI."""
    _SOCKETS.mkdir(exist_ok=True)
    (_SOCKETS / "libvirtd.conf").write_text(_CONFIG)
    _systemctl("stop")  # one that tests left which were killed
    options = [f"--property={each}" for each in _PROPERTIES]
    argv = ["systemd-run", "--quiet", "--collect", f"--unit={_UNIT}", *options]
    subprocess.run([*argv, "sh", "-c", _DAEMONS], check=True, timeout=60)
    try:
        yield f"qemu:///system?socket={_SOCKETS}/libvirt-sock"
    finally:
        _systemctl("stop")


def _systemctl(verb: str) -> None:
    subprocess.run(["systemctl", verb, _UNIT], capture_output=True, timeout=60)
