"""Write files, the key and the password of a server into its root disk before the first boot.

For images without cloud-init; ``[libvirt] inject_partition`` enables it. libguestfs opens the disk
in a small virtual machine: the file system comes from a user and could attack a host that mounts
it.
"""

from __future__ import annotations

import dataclasses
import pathlib
import posixpath
from collections.abc import Iterator
from typing import TYPE_CHECKING

from oslo_concurrency import processutils
from oslo_log import log as logging

from nova_mini import exception
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.libvirt.disks import InjectionInfo

LOG = logging.getLogger(__name__)

_OFF, _INSPECT, _WHOLE_DISK = -2, -1, 0
_KEYS = "/root/.ssh/authorized_keys"
_SHADOW = "/etc/shadow"


@dataclasses.dataclass(frozen=True)
class Injected:
    """The data to write. Secrets are not in its ``repr``."""

    files: list[tuple[str, bytes]] = dataclasses.field(repr=False)
    key: str | None
    root_password: str | None = dataclasses.field(repr=False)

    @classmethod
    def requested(cls, instance: Instance, injection_info: InjectionInfo) -> Injected:
        """The data that the configuration allows."""
        return cls(
            files=injection_info.files,
            key=instance.key_data if CONF.libvirt.inject_key else None,
            root_password=injection_info.admin_password if CONF.libvirt.inject_password else None,
        )

    def __bool__(self) -> bool:
        return bool(self.files or self.key or self.root_password)


def is_enabled() -> bool:
    return CONF.libvirt.inject_partition != _OFF


def check_host() -> None:
    """Called when the driver starts. Raises ConfigurationError if injection is enabled but not
    possible."""
    if not is_enabled():
        return
    if CONF.libvirt.images_type == "rbd":
        raise exception.ConfigurationError(
            "inject_partition: injection into disks of images_type=rbd is not supported; set "
            "inject_partition=-2 (guests find the same data in a config drive)."
        )
    _guestfs()


def _guestfs():
    try:
        import guestfs
    except ImportError as exc:
        raise exception.ConfigurationError(
            "inject_partition needs libguestfs and its Python module guestfs (Debian: "
            f"python3-guestfs): {exc}. With inject_partition=-2 nothing is injected."
        ) from exc
    return guestfs


def inject(path: pathlib.Path, driver_format: str, injected: Injected) -> None:
    """Write the data into the disk at ``path``, which is not in use yet. Raises InjectionFailed."""
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
    except RuntimeError as exc:  # raised by the bindings
        LOG.error("Disk %s: libguestfs could not write into it: %s", path, exc)
        raise exception.InjectionFailed(reason=_first_line(exc)) from exc
    finally:
        handle.close()


def _launch(handle, path: pathlib.Path, driver_format: str) -> None:
    handle.set_backend("direct")  # without libvirt: a domain of libvirt would look like an orphan
    if CONF.libvirt.virt_type == "qemu":
        handle.set_backend_settings(["force_tcg"])
    handle.add_drive_opts(str(path), format=driver_format, cachemode="unsafe")
    handle.launch()


def _mount(handle) -> None:
    for place, device in _file_systems(handle, CONF.libvirt.inject_partition):
        handle.mount(device, place)


def _file_systems(handle, partition: int) -> list[tuple[str, str]]:
    """(mount point, device) of each file system, the root first."""
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
