"""The logical volumes of a volume group, with LVM's commands, which take LVM's locks.

A volume has a tag until it is complete, and again while it is removed. LVM sets or deletes a tag in
one write of the group's metadata, so a volume without the tag is complete, also after a crash. A
volume is cleared before it is removed; an interrupted removal starts again from the beginning.
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
# A process cannot be killed, not even with SIGKILL, while the kernel zeroes one such piece for it.
_ZERO_STEP = 128 * units.Mi


@dataclasses.dataclass(frozen=True)
class LogicalVolume:
    name: str
    size: int  # bytes
    is_whole: bool


@dataclasses.dataclass(frozen=True)
class GroupInfo:
    """In bytes; ``free``: not in any volume."""

    total: int
    free: int


class VolumeGroup:
    """Names are not checked here: this service makes those of volumes, and the group's was checked
    when the configuration was read. Every method raises LvmFailed."""

    def __init__(self, name: str):
        self.name = name

    # -- queries -----------------------------------------------------------------------------

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
        output = _run(
            command,
            "--reportformat",
            "json",
            "--units",
            "b",
            "--nosuffix",
            "--options",
            ",".join(fields),
            self.name,
        )
        return json.loads(output)["report"][0][kind]

    # -- changes -----------------------------------------------------------------------------

    @contextlib.contextmanager
    def unfinished(self, name: str, size: int) -> Iterator[pathlib.Path]:
        """Context manager: the body fills a new volume of ``size`` bytes, rounded up by LVM; after
        it the volume is complete.

        If the body fails or the process dies, the volume keeps its tag. It is removed by the next
        attempt, or with its server.
        """
        found = self.find(name)
        if found and not found.is_whole:
            self.remove(name)
        self._create(name, size)
        yield self.path(name)
        images.fsync(self.path(name))
        self._finish(name)

    @traced("VolumeGroup._create")
    def _create(self, name: str, size: int) -> None:
        sectors = -(-size // _SECTOR)
        _run(
            "lvcreate",
            "--yes",
            "--name",
            name,
            "--size",
            f"{sectors}s",
            "--addtag",
            _UNFINISHED,
            self.name,
        )

    @traced("VolumeGroup._finish")
    def _finish(self, name: str) -> None:
        _run("lvchange", "--deltag", _UNFINISHED, self._full(name))

    def extend(self, name: str, size: int) -> None:
        """Grow to ``size`` bytes, rounded up by LVM; a smaller size is an error."""
        _run("lvextend", "--size", f"{-(-size // _SECTOR)}s", self._full(name))

    def remove(self, name: str) -> None:
        """Clear a volume and remove it. Idempotent. The tag is set first, so that an incompletely
        removed volume is not used as a disk."""
        volume = self.find(name)
        if volume:
            self._mark(name)
            self._clear(volume)
            self._delete(name)

    @traced("VolumeGroup._mark")
    def _mark(self, name: str) -> None:
        _run("lvchange", "--addtag", _UNFINISHED, self._full(name))

    @traced("VolumeGroup._clear")
    def _clear(self, volume: LogicalVolume) -> None:
        # After an interrupted creation or removal the volume may have no device.
        _run("lvchange", "--activate", "y", self._full(volume.name))
        length = CONF.libvirt.volume_clear_size * units.Mi or volume.size
        length, path = min(length, volume.size), str(self.path(volume.name))
        match CONF.libvirt.volume_clear:
            case "zero":
                _run(
                    "blkdiscard",
                    "--force",
                    "--zeroout",
                    "--length",
                    str(length),
                    "--step",
                    str(_ZERO_STEP),
                    path,
                )
            case "shred":
                _run("shred", "--iterations", "3", "--size", str(length), path)

    @traced("VolumeGroup._delete")
    def _delete(self, name: str) -> None:
        _run("lvremove", "--yes", self._full(name))

    def _full(self, name: str) -> str:
        return f"{self.name}/{name}"


def _run(*argv: str) -> str:
    try:
        output, _ = processutils.execute(*argv)
    except processutils.ProcessExecutionError as exc:
        errors = "; ".join(line.strip() for line in (exc.stderr or "").splitlines())
        raise exception.LvmFailed(reason=f"{argv[0]}: {errors}") from exc
    except OSError as exc:
        raise exception.LvmFailed(reason=f"{argv[0]} cannot be run: {exc.strerror}") from exc
    return output
