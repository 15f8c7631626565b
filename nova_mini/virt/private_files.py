"""Modes of the files and folders of servers.

They belong to the user of the compute service; libvirt (``dynamic_ownership``) changes the owner of
a file to QEMU's user while a guest uses it. So files are 0600. Folders are 0711: QEMU must reach
its files in them, and other users cannot list them. All modes are independent of the umask.
"""

from __future__ import annotations

import os
import pathlib
import stat

FILE_MODE, FOLDER_MODE = 0o600, 0o711
_OWNER_BITS = stat.S_IRWXU


def open_new(path: str | pathlib.Path, flags: int) -> int:
    """An ``opener`` for ``open()``: sets the mode of the file, which may exist already."""
    descriptor = os.open(path, flags, FILE_MODE)
    os.fchmod(descriptor, FILE_MODE)
    return descriptor


def prepare(path: pathlib.Path) -> pathlib.Path:
    """Make ``path`` an empty file and return it. A program that writes into it afterwards keeps the
    mode."""
    path.unlink(missing_ok=True)
    os.close(open_new(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL))
    return path


def make_folder(path: pathlib.Path) -> pathlib.Path:
    """Create the folder ``path`` with its missing parents, set its mode, and return it. Existing
    parents are not changed."""
    for parent in reversed([path, *path.parents]):
        if not parent.exists():
            parent.mkdir(exist_ok=True)
            parent.chmod(FOLDER_MODE)
    path.chmod(FOLDER_MODE)
    return path


def restrict_access(folder: pathlib.Path) -> None:
    """Remove the rights of group and others from a folder and its files; an older release gave
    such rights."""
    make_folder(folder)
    for path in folder.iterdir():
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode) and mode & 0o077:
            path.chmod(stat.S_IMODE(mode) & _OWNER_BITS)
