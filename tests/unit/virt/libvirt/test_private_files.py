"""Other users of a host cannot read disks and images, with any umask."""

import os
import pathlib
import shutil
import stat

import pytest

from nova_mini.image.stream import VerifiedFile
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt import images, private_files
from nova_mini.virt.libvirt import blockinfo, boot_files, disks, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img, write_qcow2
from tests.unit.virt.libvirt.test_boot_files import KERNEL_ID

needs_mkfs = pytest.mark.skipif(not shutil.which("mkfs.ext4"), reason="e2fsprogs is missing")
DISK = "22222222-0000-0000-0000-00000000000d"


@pytest.fixture(autouse=True)
def open_umask():
    before = os.umask(0)
    yield
    os.umask(before)


class Glance:
    def __init__(self, source: pathlib.Path):
        self._source = source

    def get(self, context, image_id, include_locations=False):
        disk_format = "aki" if image_id == KERNEL_ID else "qcow2"
        return ImageMeta(id=image_id, status="active", disk_format=disk_format)

    def download(self, context, image_id, target_path):
        image = self.get(context, image_id)
        content = b"kernel" if image_id == KERNEL_ID else self._source.read_bytes()
        with VerifiedFile(target_path, image) as stream:
            stream.write(content)


def modes_below(root: pathlib.Path) -> dict[str, int]:
    """The modes of all files and folders except the locks, which are empty."""
    found = [path for path in (root, *root.rglob("*")) if "locks" not in path.parts]
    return {str(path.relative_to(root)): stat.S_IMODE(path.stat().st_mode) for path in found}


def check_private() -> dict[str, int]:
    modes = modes_below(utils.instances_path())
    for name, mode in modes.items():
        is_folder = (utils.instances_path() / name).is_dir()
        assert mode == (0o711 if is_folder else 0o600), name
    return modes


@needs_qemu_img
@needs_mkfs
@pytest.mark.parametrize("images_type", ["raw", "qcow2"])
@pytest.mark.parametrize("force_raw_images", [True, False])
def test_disks_and_cached_images_are_private(tmp_path, override, images_type, force_raw_images):
    override("force_raw_images", force_raw_images)
    source = tmp_path / "source"
    images.qemu_img("create", "-q", "-f", "qcow2", str(source), "1M")
    flavor = servers.make_flavor(ephemeral_gb=1, swap=1)
    instance = servers.make_instance(flavor, image_ref=DISK, kernel_id=KERNEL_ID)
    backend, glance = Backend(images_type), Glance(source)
    utils.restrict_access()
    private_files.make_folder(utils.get_instance_path(instance))
    info = disks.InjectionInfo(NetworkInfo(), [], None)
    boot_files.fetch(None, glance, instance)
    disks.create_root(None, glance, instance, DISK, backend, info)
    requested = blockinfo.disks_of_flavor(instance)
    disks.create_ephemerals(instance, backend, requested)
    disks.create_swap(instance, backend, requested)
    disks.create_config_drive(instance, backend, info, requested)
    utils.write_to_file(utils.get_instance_path(instance, "libvirt.xml"), "<domain/>")
    assert len(check_private()) > 10


def test_a_download_is_private_from_its_first_byte(tmp_path):
    path = tmp_path / "image"
    with VerifiedFile(str(path), ImageMeta(id="image")) as stream:
        stream.write(b"x")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_that_a_program_fills_is_private_and_empty_before(tmp_path):
    path = tmp_path / "part"
    path.write_bytes(b"of a predecessor")
    assert stat.S_IMODE(path.stat().st_mode) == 0o666
    private_files.prepare(path)
    assert path.read_bytes() == b"" and stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_is_not_followed(tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("of the host")
    (tmp_path / "part").symlink_to(secret)
    private_files.prepare(tmp_path / "part")
    assert secret.read_text() == "of the host"


def test_files_of_an_older_release_become_private():
    folder = utils.get_instance_path(servers.make_instance())
    folder.mkdir()
    write_qcow2(folder / "disk")
    write_qcow2(utils.base_dir() / "base")
    utils.restrict_access()
    check_private()
