"""The config drive: a small CD-ROM with the server's metadata, which cloud-init reads."""

from __future__ import annotations

import io
import os
import pathlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import pycdlib

from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.objects.image_meta import ImageMeta
    from nova_mini.objects.instance import Instance

VOLUME_LABEL = "config-2"  # cloud-init finds the drive by it
_JOLIET_LEVEL = 3


def required_by(instance: Instance, image_meta: ImageMeta) -> bool:
    """Whether the user, the image or the operator requests a config drive."""
    return bool(
        instance.config_drive
        or CONF.force_config_drive
        or image_meta.properties.get("img_config_drive") == "mandatory"
    )


class ConfigDriveBuilder:
    """An ISO 9660 image (with Rock Ridge and Joliet names) of ``(path, content)`` pairs."""

    def __init__(self, files: Iterable[tuple[str, bytes]]):
        self._files = {path.strip("/"): content for path, content in files}

    def make_drive(self, target: pathlib.Path) -> None:
        """Write the image, completely or not at all. Only its owner can read it, since it may hold
        a password."""
        part = target.with_name(target.name + ".part")
        part.unlink(missing_ok=True)
        descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as stream:
            self._write(stream)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(part, target)

    def _write(self, stream) -> None:
        iso = pycdlib.PyCdlib()
        iso.new(
            interchange_level=4,  # names as they are: no upper case, no 8.3
            joliet=_JOLIET_LEVEL,
            rock_ridge="1.09",
            vol_ident=VOLUME_LABEL,
        )
        for directory in self._directories():
            path = f"/{directory}"
            iso.add_directory(path, rr_name=os.path.basename(path), joliet_path=path)
        for name, content in self._files.items():
            path = f"/{name}"
            iso.add_fp(
                io.BytesIO(content),
                len(content),
                path,
                rr_name=os.path.basename(path),
                joliet_path=path,
            )
        iso.write_fp(stream)
        iso.close()

    def _directories(self) -> list[str]:
        """All folders of the files, parents before children."""
        found = {
            str(parent)
            for path in self._files
            for parent in pathlib.PurePosixPath(path).parents
            if parent.name
        }
        return sorted(found)
