"""The requirements on the machine."""

import os
import shutil
from pathlib import Path

from stacklib import cgroups
from stacklib.errors import StackError

TOOLS = ("unshare", "nsenter", "apt-get", "dpkg-query")


def require_root() -> None:
    """Raise StackError for other users, who cannot even read the stack's passwords."""
    if os.geteuid() != 0:
        raise StackError("run it as root: the stack creates namespaces and mounts")


def require(directory: Path) -> None:
    """Raise StackError with what is missing, and what to do about it."""
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    if missing:
        raise StackError(f"this machine has no {', '.join(missing)}: use Debian or Ubuntu")
    if "overlay" not in Path("/proc/filesystems").read_text() and os.system("modprobe -q overlay"):
        raise StackError("the kernel has no overlayfs: load or build the module `overlay`")
    cgroups.root()
    if _filesystem(directory) in ("overlay", "nfs", "nfs4"):
        raise StackError(
            f"{directory} is on a filesystem that does not support overlays; set "
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
