"""Kernels and ramdisks are copies of raw images, not larger than the server's memory and disk."""

import pathlib

import pytest

from nova_mini import exception
from nova_mini.image import authorization
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import NetworkInfo
from nova_mini.virt.libvirt import boot_files, disks, utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from tests import servers
from tests.unit.virt.disk_files import needs_qemu_img, write_qcow2

MIB = 1 << 20
KERNEL_ID, RAMDISK_ID, PRIVATE = (f"22222222-0000-0000-0000-00000000000{n}" for n in range(3))


class Glance:
    """Images by id: (content, fields of the record)."""

    def __init__(self):
        self.images = {}
        self.downloads = []
        self.invisible = {PRIVATE}

    def add(self, image_id, content, **fields):
        self.images[image_id] = content, {"disk_format": "aki", "size": len(content), **fields}

    def get(self, context, image_id, include_locations=False):
        if image_id not in self.images:
            raise exception.ImageNotFound(image_id=image_id)
        return ImageMeta(id=image_id, status="active", **self.images[image_id][1])

    def is_visible_to(self, context, image_id, project_id):
        return image_id not in self.invisible

    def download(self, context, image_id, target_path):
        self.downloads.append(image_id)
        pathlib.Path(target_path).write_bytes(self.images[image_id][0])


@pytest.fixture
def glance():
    return Glance()


def make_instance(**fields):
    instance = servers.make_instance(**{"kernel_id": KERNEL_ID, **fields})
    utils.get_instance_path(instance).mkdir()
    return instance


def files_in(directory: pathlib.Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_kernel_and_ramdisk_are_copied(glance):
    glance.add(KERNEL_ID, b"kernel" * 100)
    glance.add(RAMDISK_ID, b"ramdisk", disk_format="ari")
    instance = make_instance(ramdisk_id=RAMDISK_ID)
    for _ in range(2):  # twice: as after a crash
        boot_files.fetch(None, glance, instance)
    assert utils.get_instance_path(instance, "kernel").read_bytes() == b"kernel" * 100
    assert utils.get_instance_path(instance, "ramdisk").read_bytes() == b"ramdisk"
    assert glance.downloads == [KERNEL_ID, RAMDISK_ID]


def refused(glance, instance, words):
    with pytest.raises(exception.ImageUnacceptable, match=words):
        boot_files.fetch(None, glance, instance)
    assert files_in(utils.get_instance_path(instance)) == []


def test_a_kernel_larger_than_the_servers_memory_is_not_fetched(glance):
    """Nor a kernel larger than the root disk, the space that the server may use on the host."""
    glance.add(KERNEL_ID, b"kernel", size=97 * MIB)
    refused(glance, make_instance(), "at most")
    glance.add(KERNEL_ID, b"kernel", size=1025 * MIB)
    refused(glance, make_instance(flavor=servers.make_flavor(memory_mb=2048)), "at most")
    assert glance.downloads == [] and files_in(utils.base_dir()) == []


def test_a_cached_image_that_is_too_large_is_refused(glance):
    base = utils.get_cache_path(disks.get_cache_fname(KERNEL_ID))
    with open(base, "wb") as stream:
        stream.truncate(97 * MIB)
    refused(glance, make_instance(), "at most")


@pytest.mark.parametrize("disk_format", ["qcow2", "vmdk", "iso", "vhd", None])
def test_a_kernel_that_is_not_raw_is_not_fetched(glance, disk_format):
    glance.add(KERNEL_ID, b"kernel", disk_format=disk_format)
    refused(glance, make_instance(), "aki, ari or raw")
    assert glance.downloads == [] and files_in(utils.base_dir()) == []


@pytest.mark.parametrize("disk_format", ["aki", "raw"])
def test_a_kernel_with_other_content_leaves_no_file(glance, tmp_path, disk_format):
    """A qcow2 image that would grow, or that refers to a file of the host."""
    for backing in ("", "/etc/shadow"):
        content = write_qcow2(tmp_path / "image", size=300 * MIB, backing=backing).read_bytes()
        glance.add(KERNEL_ID, content, disk_format=disk_format)
        refused(glance, make_instance(), "unacceptable")
        assert files_in(utils.base_dir()) == []


@needs_qemu_img
def test_a_cached_qcow2_image_is_refused(glance, tmp_path):
    """The cache can have such an image if force_raw_images is off."""
    base = utils.get_cache_path(disks.get_cache_fname(KERNEL_ID))
    write_qcow2(base, size=300 * MIB)
    refused(glance, make_instance(), "not raw")


# -- who may have an image is decided before the cache answers ------------------------------------


def cached(image_id: str, content: bytes = b"secret of another tenant") -> None:
    utils.get_cache_path(disks.get_cache_fname(image_id)).write_bytes(content)


@pytest.mark.parametrize("name", ["kernel_id", "ramdisk_id"])
@pytest.mark.parametrize("fallback", [None, "other"])
def test_a_cached_image_of_another_tenant_is_no_kernel(glance, name, fallback):
    glance.add(PRIVATE, b"secret")
    cached(PRIVATE)
    instance = make_instance(**{"kernel_id": None, name: PRIVATE}, system_metadata={})
    with pytest.raises(exception.ImageNotAuthorized):
        boot_files.fetch(None, glance, instance, fallback)
    assert files_in(utils.get_instance_path(instance)) == []


@pytest.mark.parametrize("images_type", ["raw", "qcow2"])
@pytest.mark.parametrize("fallback", [None, "other"])
def test_a_cached_image_of_another_tenant_is_no_root_disk(glance, images_type, fallback):
    glance.add(PRIVATE, b"secret", disk_format="raw")
    cached(PRIVATE)
    instance = make_instance(kernel_id=None, system_metadata=authorization.record([KERNEL_ID]))
    with pytest.raises(exception.ImageNotAuthorized):
        disks.create_root(
            None,
            glance,
            instance,
            PRIVATE,
            Backend(images_type),
            disks.InjectionInfo(NetworkInfo(), [], None),
            fallback,
        )
    assert files_in(utils.get_instance_path(instance)) == []


def test_images_of_the_server_that_are_deleted_in_glance_can_be_used(glance):
    instance = make_instance(kernel_id=KERNEL_ID, image_ref=RAMDISK_ID)
    cached(KERNEL_ID, b"kernel")
    cached(RAMDISK_ID, b"root")
    boot_files.fetch(None, glance, instance)
    info = disks.InjectionInfo(NetworkInfo(), [], None)
    disks.create_root(None, glance, instance, RAMDISK_ID, Backend("raw"), info)
    assert utils.get_instance_path(instance, "kernel").read_bytes() == b"kernel"


def test_an_image_that_glance_does_not_show_is_not_cached(glance):
    cached(KERNEL_ID)
    with pytest.raises(exception.ImageNotFound):
        disks.cache_image(None, glance, Backend("raw"), KERNEL_ID)
