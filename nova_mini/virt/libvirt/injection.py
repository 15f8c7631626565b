"""Files, the key and the password of a server, written into its root disk before it first boots.

For images without cloud-init, where ``[libvirt] inject_partition`` asks for it. The disk is opened
by libguestfs, in a small virtual machine of its own: a file system is its user's word and may be
made to harm whoever mounts it.
"""

from __future__ import annotations

import dataclasses
import pathlib
import posixpath
from collections.abc import Iterator

from oslo_concurrency import processutils
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF

LOG = logging.getLogger(__name__)

_OFF, _INSPECT, _WHOLE_DISK = -2, -1, 0
_KEYS = "/root/.ssh/authorized_keys"
_SHADOW = "/etc/shadow"


@dataclasses.dataclass(frozen=True)
class Injected:
    """What goes in; nobody shall find it in a log."""

    files: list[tuple[str, bytes]] = dataclasses.field(repr=False)
    key: str | None
    root_password: str | None = dataclasses.field(repr=False)

    @classmethod
    def wanted(cls, instance, injection_info) -> Injected:
        """By the options; ``injection_info``: see ``disks.InjectionInfo``."""
        return cls(
            files=injection_info.files,
            key=instance.key_data if CONF.libvirt.inject_key else None,
            root_password=injection_info.admin_password if CONF.libvirt.inject_password else None,
        )

    def __bool__(self) -> bool:
        return bool(self.files or self.key or self.root_password)


def is_wanted() -> bool:
    return CONF.libvirt.inject_partition != _OFF


def check_host() -> None:
    """For a driver that starts. Raises ConfigurationError for injection that cannot be."""
    if not is_wanted():
        return
    if CONF.libvirt.images_type == "rbd":
        raise exception.ConfigurationError(
            "inject_partition: files are injected into disks that are files, not into those of "
            "images_type=rbd; set inject_partition=-2, and guests find the same in a config drive."
        )
    _guestfs()


def _guestfs():
    try:
        import guestfs
    except ImportError as exc:
        raise exception.ConfigurationError(
            "inject_partition needs libguestfs and its python module guestfs (Debian: "
            f"python3-guestfs): {exc}. With inject_partition=-2 nothing is injected."
        ) from exc
    return guestfs


def inject(path: pathlib.Path, driver_format: str, injected: Injected) -> None:
    """Write it into the disk at ``path``, which nothing else uses yet.

    Raises InjectionFailed: the server would not be what its user asked for.
    """
    if not injected:
        return
    guestfs = _guestfs()
    handle = guestfs.GuestFS(python_return_dict=True)
    try:
        _launch(handle, path, driver_format)
        _mount(handle)
        _write(handle, injected)
        handle.umount_all()
        handle.shutdown()
    except RuntimeError as exc:  # what its bindings raise
        LOG.error("libguestfs at %s: %s", path, exc)
        raise exception.InjectionFailed(reason=_first_line(exc)) from exc
    finally:
        handle.close()


def _launch(handle, path: pathlib.Path, driver_format: str) -> None:
    handle.set_backend("direct")  # no domain of libvirt's, which would be taken for a leftover
    if CONF.libvirt.virt_type == "qemu":
        handle.set_backend_settings(["force_tcg"])
    handle.add_drive_opts(str(path), format=driver_format, cachemode="unsafe")
    handle.launch()


def _mount(handle) -> None:
    for place, device in _file_systems(handle, CONF.libvirt.inject_partition):
        handle.mount(device, place)


def _file_systems(handle, partition: int) -> list[tuple[str, str]]:
    """(mount point, device), the root first."""
    device = handle.list_devices()[0]
    if partition == _WHOLE_DISK:
        return [("/", device)]
    if partition > _WHOLE_DISK:
        return [("/", f"{device}{partition}")]
    roots = handle.inspect_os()
    if len(roots) != 1:
        raise exception.InjectionFailed(
            reason=f"the image has {len(roots)} operating systems; set inject_partition to the "
            "number of its root partition"
        )
    return sorted(handle.inspect_get_mountpoints(roots[0]).items())


def _write(handle, injected: Injected) -> None:
    if injected.key:
        _add_key(handle, injected.key)
    if injected.root_password:
        _set_root_password(handle, injected.root_password)
    for path, content in injected.files:
        path = posixpath.join("/", path)
        handle.mkdir_p(posixpath.dirname(path))
        handle.write(path, content)


def _add_key(handle, key: str) -> None:
    folder = posixpath.dirname(_KEYS)
    handle.mkdir_p(folder)
    handle.chmod(0o700, folder)
    handle.write_append(_KEYS, f"\n{key.strip()}\n".encode())
    handle.chmod(0o600, _KEYS)


def _set_root_password(handle, password: str) -> None:
    hashed, _ = processutils.execute(
        "openssl", "passwd", "-6", "-stdin", process_input=password.encode()
    )
    if isinstance(hashed, bytes):
        hashed = hashed.decode()
    lines = handle.read_file(_SHADOW).decode().splitlines()
    changed = "\n".join(_with_password(lines, hashed.strip())) + "\n"
    handle.write(_SHADOW, changed.encode())


def _with_password(lines: list[str], hashed: str) -> Iterator[str]:
    for line in lines:
        user, _, rest = line.partition(":")
        yield f"root:{hashed}:{rest.partition(':')[2]}" if user == "root" else line


def _first_line(exc: Exception) -> str:
    return str(exc).partition("\n")[0][:255]
