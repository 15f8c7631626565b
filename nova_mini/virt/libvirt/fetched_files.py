"""Copy the files of a server from its source to its destination, if the hosts share no storage.

The destination reads them over ssh. A file gets its final name after its checksum was compared with
that of the source.
"""

from __future__ import annotations

import pathlib
import shutil
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import IO

from oslo_log import log as logging
from oslo_utils import units

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.objects.instance import Instance
from nova_mini.objects.migration import Migration
from nova_mini.trace import traced
from nova_mini.virt import images, private_files, ssh
from nova_mini.virt.libvirt import blockinfo, moved_files, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.moved_files import MovedFile, MovedFiles

LOG = logging.getLogger(__name__)

#: ``report(total, copied)``, in bytes.
Report = Callable[[int, int], None]

_REPORT_INTERVAL = 10  # seconds
_CHUNK = units.Mi
_MAX_LIST = 64 * units.Ki


@traced("fetched_files.fetch")
def fetch(
    backend: Backend,
    instance: Instance,
    migration: Migration,
    source_address: str,
    report: Report | None = None,
) -> None:
    """Copy the files of an instance from its source to its folder here. Files that a former attempt
    has copied are kept. ``report`` is called every ten seconds, and at the end.

    Raises ActionInterrupted if the source does not answer or a copy differs, and DisksNotMoved if
    the source does not have the files, or there is no space for them.
    """
    folder = utils.get_instance_path(instance)
    listed = moved_files.read_list(folder, migration)
    if listed is None:
        listed = _fetch_list(instance, migration, source_address)
        for stale in (folder, utils.get_moved_path(instance)):  # of an earlier stay on this host
            if stale.exists():
                shutil.rmtree(stale)
        private_files.make_folder(folder)
        moved_files.write_list(folder, listed)
    missing = [each for each in listed.files if not (folder / each.name).exists()]
    if not missing:
        return
    progress = _Progress(instance, listed, missing, report)
    try:
        _fetch_files(backend, instance, missing, source_address, progress)
    except OSError as exc:
        raise exception.DisksNotMoved(
            reason=f"they could not be written: {exc.strerror or 'see the log'}"
        ) from exc
    progress.end()


def _fetch_list(instance: Instance, migration: Migration, source_address: str) -> MovedFiles:
    path = utils.get_moved_path(instance) / moved_files.LIST_NAME
    try:
        with ssh.output_of(source_address, "cat", "--", str(path)) as output:
            text = output.read(_MAX_LIST)
        listed = MovedFiles.from_json(text)
    except (exception.RemoteCommandFailed, ValueError) as exc:
        raise exception.DisksNotMoved(reason="the source does not offer them") from exc
    if listed.migration != migration.uuid:
        raise exception.DisksNotMoved(reason="the source offers those of an earlier move")
    return listed


def _fetch_files(
    backend: Backend,
    instance: Instance,
    files: Sequence[MovedFile],
    source_address: str,
    progress: _Progress,
) -> None:
    """tar finds the holes of the files, and sends only the data between them."""
    command = ["tar", "--create", "--sparse", "--format=posix", "--file=-"]
    folder = f"--directory={utils.get_moved_path(instance)}"
    names = [each.name for each in files]
    with ssh.output_of(source_address, *command, folder, "--", *names) as output:
        try:
            with tarfile.open(fileobj=output, mode="r|", bufsize=units.Mi) as archive:
                for file in files:
                    member = archive.next()
                    content = archive.extractfile(member) if member else None
                    if member is None or content is None or member.name != file.name:
                        raise EOFError(f"{file.name} is not in the archive")
                    _receive(backend, instance, file, content, _extents(member), progress)
        except tarfile.TarError as exc:
            raise EOFError(str(exc)) from exc


def _extents(member: tarfile.TarInfo) -> list[tuple[int, int]]:
    return member.sparse if isinstance(member.sparse, list) else [(0, member.size)]


@traced("fetched_files._receive")
def _receive(
    backend: Backend,
    instance: Instance,
    file: MovedFile,
    content: IO[bytes],
    extents: Iterable[tuple[int, int]],
    progress: _Progress,
) -> None:
    """Write a file, compare its checksum, and give it its name. ``extents``: offset and length of
    the parts of ``content`` that are not holes, in bytes."""
    target = utils.get_instance_path(instance, file.name)
    part = private_files.prepare(target.with_name(file.name + ".part"))
    with open(part, "r+b") as stream:
        position = 0
        for offset, length in extents:
            for _ in _chunks(content, offset - position):  # the archive is not seekable
                pass
            stream.seek(offset)
            for chunk in _chunks(content, length):
                stream.write(chunk)
                progress.add(len(chunk))
            position = offset + length
        stream.truncate(file.size)
    if moved_files.checksum(part) != file.sha256:
        part.unlink()
        raise exception.ActionInterrupted(reason=f"the copy of {file.name} differs")
    images.publish(_converted(backend, instance, file, part), target)


def _chunks(content: IO[bytes], length: int) -> Iterator[bytes]:
    """Read so many bytes, or until the end."""
    while length > 0 and (chunk := content.read(min(length, _CHUNK))):
        length -= len(chunk)
        yield chunk


def _converted(
    backend: Backend, instance: Instance, file: MovedFile, part: pathlib.Path
) -> pathlib.Path:
    """The file in the format that disks have on this host. The format that it has is the source's
    word, and not read from its content, which the guest has written."""
    wanted = "raw"
    if file.name.startswith(blockinfo.LOCAL_ROOT):
        wanted = backend.by_name(instance, file.name).driver_format
    if wanted == file.driver_format:
        return part
    converted = private_files.prepare(part.with_name(file.name + ".converted.part"))
    formats = ("-f", file.driver_format, "-O", wanted)
    images.qemu_img("convert", *formats, str(part), str(converted))
    part.unlink()
    return converted


class _Progress:
    """Reports how much is copied, and lets an urgent operation interrupt the copy."""

    def __init__(
        self,
        instance: Instance,
        listed: MovedFiles,
        missing: Sequence[MovedFile],
        report: Report | None,
    ):
        self._instance = instance
        self._total = sum(each.data for each in listed.files)
        self._copied = self._total - sum(each.data for each in missing)
        self._report = report
        self._begun = self._reported = time.monotonic()

    def add(self, size: int) -> None:
        """Raises Preempted."""
        self._copied += size
        now = time.monotonic()
        preemption.check(now - self._begun)
        if now > self._reported + _REPORT_INTERVAL:
            self._reported = now
            self._tell()

    def end(self) -> None:
        """The source counts its blocks a little differently than tar."""
        self._copied = self._total
        self._tell()

    def _tell(self) -> None:
        LOG.info(
            "Instance %s: copied %d of %d MiB of its disks from its source",
            self._instance.uuid,
            self._copied // units.Mi,
            self._total // units.Mi,
        )
        if self._report:
            self._report(self._total, self._copied)
