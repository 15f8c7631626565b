"""What the machine must offer before anything is tried."""

import os
import shutil
from pathlib import Path

from stacklib import cgroups
from stacklib.errors import StackError

TOOLS = ("unshare", "nsenter", "apt-get", "dpkg-query")


def require_root() -> None:
    """Raise StackError for anyone else: not even the stack's passwords can be read."""
    if os.geteuid() != 0:
        raise StackError("the stack makes namespaces and mounts: run it as root")


def require(directory: Path) -> None:
    """Raise StackError that says what is missing here, and what to do about it."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise StackError(f"this machine has no {', '.join(missing)}: it takes Debian or Ubuntu")
    if "overlay" not in Path("/proc/filesystems").read_text() and os.system("modprobe -q overlay"):
        raise StackError("the kernel has no overlayfs: load or build the module `overlay`")
    cgroups.root()
    if _filesystem(directory) in ("overlay", "nfs", "nfs4"):
        raise StackError(
            f"{directory} lies on a filesystem that cannot carry an overlay; set "
            "NOVA_MINI_STACK_DIR to a directory on ext4, xfs, btrfs or tmpfs"
        )


def _filesystem(directory: Path) -> str:
    """Return the type of the filesystem that `directory` is, or would be, on."""
    best, kind = "", ""
    for line in Path("/proc/self/mounts").read_text().splitlines():
        where, what = line.split()[1:3]
        if directory.is_relative_to(where) and len(where) >= len(best):
            best, kind = where, what
    return kind
