"""The logical volumes of a volume group, by LVM's own commands: they take LVM's own locks.

A volume is made, and removed, with a mark on it: a tag, which LVM sets or takes off in one write of
the group's metadata. So a volume without the mark is whole, whatever was killed before. And none is
removed before it was cleared: a removal that was cut off is done again from its beginning.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import pathlib
from collections.abc import Iterator

from oslo_concurrency import processutils
from oslo_utils import units

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.trace import traced
from nova_mini.virt import images

_UNFINISHED = "nova-mini-unfinished"
_SECTOR = 512
# The kernel does not let a process die, not even of SIGKILL, while it zeroes one such piece for it.
_ZEROED_AT_ONCE = 128 * units.Mi


@dataclasses.dataclass(frozen=True)
class LogicalVolume:
    name: str
    size: int  # bytes
    is_whole: bool


@dataclasses.dataclass(frozen=True)
class GroupInfo:
    """Bytes: all that the group has, and what is in no volume."""

    total: int
    free: int


class VolumeGroup:
    """Names of volumes are ours, that of the group was checked when it was configured: none can be
    taken for an option. Every method raises LvmFailed."""

    def __init__(self, name: str):
        self.name = name

    # -- what is there -----------------------------------------------------------------------

    def get_info(self) -> GroupInfo:
        (row,) = self._report("vgs", "vg", "vg_size", "vg_free")
        return GroupInfo(total=int(row["vg_size"]), free=int(row["vg_free"]))

    def list_volumes(self) -> list[LogicalVolume]:
        rows = self._report("lvs", "lv", "lv_name", "lv_size", "lv_tags")
        return [
            LogicalVolume(
                name=row["lv_name"],
                size=int(row["lv_size"]),
                is_whole=_UNFINISHED not in row["lv_tags"].split(","),
            )
            for row in rows
        ]

    def find(self, name: str) -> LogicalVolume | None:
        return next((each for each in self.list_volumes() if each.name == name), None)

    def path(self, name: str) -> pathlib.Path:
        return pathlib.Path("/dev", self.name, name)

    def _report(self, command: str, kind: str, *fields: str) -> list[dict[str, str]]:
        told = _run(
            command, "--reportformat", "json", "--units", "b", "--nosuffix",
            "--options", ",".join(fields), self.name,
        )  # fmt: skip
        return json.loads(told)["report"][0][kind]

    # -- making and removing -----------------------------------------------------------------

    @contextlib.contextmanager
    def unfinished(self, name: str, size: int) -> Iterator[pathlib.Path]:
        """Fill a new volume of ``size`` bytes or a little more inside; at the end it is whole.

        When the inside fails, or this process dies, what is left is no disk, and goes with the next
        attempt or with its server.
        """
        found = self.find(name)
        if found and not found.is_whole:
            self.remove(name)
        self._create(name, size)
        yield self.path(name)
        images.fsync(self.path(name))
        self._finish(name)

    @traced
    def _create(self, name: str, size: int) -> None:
        sectors = -(-size // _SECTOR)
        _run(
            "lvcreate", "--yes", "--name", name, "--size", f"{sectors}s", "--addtag", _UNFINISHED,
            self.name,
        )  # fmt: skip

    @traced
    def _finish(self, name: str) -> None:
        _run("lvchange", "--deltag", _UNFINISHED, self._full(name))

    def extend(self, name: str, size: int) -> None:
        """Grow to ``size`` bytes or a little more; a smaller size is refused."""
        _run("lvextend", "--size", f"{-(-size // _SECTOR)}s", self._full(name))

    def remove(self, name: str) -> None:
        """Not there is fine. One that is half removed is nobody's disk any more."""
        volume = self.find(name)
        if volume:
            self._mark(name)
            self._clear(volume)
            self._delete(name)

    @traced
    def _mark(self, name: str) -> None:
        _run("lvchange", "--addtag", _UNFINISHED, self._full(name))

    @traced
    def _clear(self, volume: LogicalVolume) -> None:
        # One whose making or removal was cut off may have no device.
        _run("lvchange", "--activate", "y", self._full(volume.name))
        length = CONF.libvirt.volume_clear_size * units.Mi or volume.size
        length, path = min(length, volume.size), str(self.path(volume.name))
        match CONF.libvirt.volume_clear:
            case "zero":
                _run("blkdiscard", "--force", "--zeroout", "--length", str(length),
                     "--step", str(_ZEROED_AT_ONCE), path)  # fmt: skip
            case "shred":
                _run("shred", "--iterations", "3", "--size", str(length), path)

    @traced
    def _delete(self, name: str) -> None:
        _run("lvremove", "--yes", self._full(name))

    def _full(self, name: str) -> str:
        return f"{self.name}/{name}"


def _run(*argv: str) -> str:
    try:
        told, _ = processutils.execute(*argv)
    except processutils.ProcessExecutionError as exc:
        complaint = "; ".join(line.strip() for line in exc.stderr.splitlines())
        raise exception.LvmFailed(reason=f"{argv[0]}: {complaint}") from exc
    except OSError as exc:
        raise exception.LvmFailed(reason=f"{argv[0]} cannot be run: {exc.strerror}") from exc
    return told
