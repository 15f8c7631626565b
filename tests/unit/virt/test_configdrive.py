"""The config drive contains the given files."""

import io

import pycdlib
import pytest

from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt import configdrive
from tests import servers

FILES = {
    "openstack/latest/meta_data.json": b'{"uuid": "x"}',
    "openstack/2012-08-10/user_data": b"\0\xff binary",
    "openstack/content/0000": b"",
    "ec2/latest/meta-data.json": b"{}",
}


def read(iso, path) -> bytes:
    stream = io.BytesIO()
    iso.get_file_from_iso_fp(stream, rr_path=path)
    return stream.getvalue()


def test_every_file_is_on_the_drive(tmp_path):
    target = tmp_path / "disk.config"
    configdrive.ConfigDriveBuilder(FILES.items()).make_drive(target)
    iso = pycdlib.PyCdlib()
    iso.open(str(target))
    assert iso.pvd.volume_identifier.decode().strip() == "config-2"
    assert {path: read(iso, f"/{path}") for path in FILES} == FILES
    iso.close()


def test_the_drive_is_readable_by_its_owner_only_and_replaces_an_older_one(tmp_path):
    target = tmp_path / "disk.config"
    (tmp_path / "disk.config.part").write_bytes(b"half of one")
    target.write_bytes(b"old")
    configdrive.ConfigDriveBuilder(FILES.items()).make_drive(target)
    assert target.stat().st_mode & 0o777 == 0o600
    assert target.stat().st_size > 32768
    assert [path.name for path in tmp_path.iterdir() if path.is_file()] == ["disk.config"]


@pytest.mark.parametrize(
    ("requested", "image", "forced", "expected"),
    [
        ("", {}, False, False),
        ("True", {}, False, True),
        ("", {"img_config_drive": "mandatory"}, False, True),
        ("", {"img_config_drive": "optional"}, False, False),
        ("", {}, True, True),
    ],
)
def test_user_image_or_operator_require_a_drive(override, requested, image, forced, expected):
    override("force_config_drive", forced)
    instance = servers.make_instance(config_drive=requested)
    assert configdrive.required_by(instance, ImageMeta(properties=image)) is expected
