"""The state of virtual TPMs: the files of swtpm, in the place where libvirt keeps them.

libvirt makes the folder of a server when its guest first starts. It is removed with the server's
files, and not with the definition of the guest: a guest that moves is defined anew. The files are
encrypted.
"""

from __future__ import annotations

import os
import pathlib
import re
import shutil
import tarfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

from oslo_utils import units

from nova_mini import exception
from nova_mini.trace import traced
from nova_mini.virt import images, private_files, ssh
from nova_mini.virt.libvirt import utils, vtpm

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration

STATES = pathlib.Path("/var/lib/libvirt/swtpm")
_KEPT = "vtpm.revert"  # in the folder of the server: what a revert on the same host needs
_FETCHED = "vtpm.fetched"  # there as well: the move whose state is complete here

# A folder for each version of TPM, and files in it.
_NAMES = re.compile(r"(?P<version>tpm1\.2|tpm2)/[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MAX_SIZE = 16 * units.Mi  # of all files of a TPM; some 10 KiB are usual


def _folder(uuid: str) -> pathlib.Path:
    return utils.path_below(STATES, uuid)


def remove(uuid: str) -> None:
    """Idempotent."""
    for path in (_folder(uuid), _folder(f"{uuid}.part")):
        if path.exists():
            shutil.rmtree(path)


# -- a resize on the same host -------------------------------------------------------------------


@traced("vtpm_state.keep_for_revert")
def keep_for_revert(instance: Instance) -> None:
    """Copy the state of a guest that is off. Idempotent."""
    kept, state = utils.get_instance_path(instance, _KEPT), _folder(instance.uuid)
    if state.exists() and not kept.exists():
        _copy(state, kept)


@traced("vtpm_state.revert")
def revert(instance: Instance) -> None:
    """Put the kept state back, if there is one. Idempotent; the guest is off."""
    kept = utils.get_instance_path(instance, _KEPT)
    if kept.exists():
        remove(instance.uuid)
        _copy(kept, _folder(instance.uuid))


def discard_revert_copy(instance: Instance) -> None:
    kept = utils.get_instance_path(instance, _KEPT)
    if kept.exists():
        shutil.rmtree(kept)


def _copy(source: pathlib.Path, target: pathlib.Path) -> None:
    part = target.with_name(target.name + ".part")
    if part.exists():
        shutil.rmtree(part)
    shutil.copytree(source, part)
    _publish(part, target)


# -- a move to another host ----------------------------------------------------------------------


@traced("vtpm_state.fetch")
def fetch(instance: Instance, migration: Migration, source_address: str) -> None:
    """Copy the state from the host that a server comes from. Idempotent: a state that is complete
    is never read again, since the guest has used it then.

    Raises ActionInterrupted if the source does not answer, DisksNotMoved if it has no state.
    """
    folder = private_files.make_folder(utils.get_instance_path(instance))
    mark = folder / _FETCHED
    if mark.exists() and mark.read_text() == migration.uuid:
        return
    remove(instance.uuid)
    part = _folder(f"{instance.uuid}.part")
    command = ("tar", "--create", "--format=posix", "--file=-", "--exclude=.lock")
    try:
        with ssh.output_of(
            source_address, *command, f"--directory={_folder(instance.uuid)}", "--", "."
        ) as output:
            try:
                with tarfile.open(fileobj=output, mode="r|") as archive:
                    _extract(archive, part)
            except tarfile.TarError as exc:
                raise EOFError(str(exc)) from exc
    except exception.RemoteCommandFailed as exc:
        raise exception.DisksNotMoved(
            reason="the source does not offer the state of the virtual TPM", internal=str(exc)
        ) from exc
    _publish(part, _folder(instance.uuid))
    utils.write_to_file(mark, migration.uuid)


def _extract(archive: tarfile.TarFile, target: pathlib.Path) -> None:
    """Write the files of a TPM; there is nothing else in the archive of an honest source. Raises
    DisksNotMoved without any."""
    private_files.make_folder(target)
    size = 0
    for member in archive:
        name = member.name.removeprefix("./")
        content = archive.extractfile(member) if member.isreg() else None
        found = _NAMES.fullmatch(name)
        size += member.size
        if size > _MAX_SIZE:
            raise exception.DisksNotMoved(reason="the state of the virtual TPM is too large")
        if content is None or found is None:
            continue
        (target / found["version"]).mkdir(exist_ok=True)
        path = private_files.prepare(target / name)
        path.write_bytes(content.read())
    if not any(_files(target)):
        raise exception.DisksNotMoved(reason="the source has no state of the virtual TPM")


def _publish(part: pathlib.Path, target: pathlib.Path) -> None:
    """Give a folder its name when it is complete, and its files to swtpm."""
    user, group = vtpm.owner_of_states()
    part.chmod(private_files.FOLDER_MODE)
    for folder in part.iterdir():
        folder.chmod(0o700)
        os.chown(folder, user, group)
    for path in _files(part):
        path.chmod(private_files.FILE_MODE)
        os.chown(path, user, group)
        images.fsync(path)
    os.rename(part, target)
    images.fsync(target.parent)


def _files(folder: pathlib.Path) -> Iterator[pathlib.Path]:
    return (path for path in folder.glob("*/*") if path.is_file())
