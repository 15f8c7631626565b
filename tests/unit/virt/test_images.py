"""Images of a wrong format or with references to other files are refused; no file is incomplete."""

import json
import shutil
import subprocess

import pytest

from nova_mini import exception
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.virt import images
from tests.unit.virt.disk_files import needs_qemu_img, write_qcow2


class FolderOfImages:
    """Replaces Glance: one image, from a file."""

    def __init__(self, source, disk_format):
        self._source = source
        self._disk_format = disk_format
        self.downloads = 0

    def get(self, context, image_id):
        return ImageMeta(id=image_id, disk_format=self._disk_format)

    def download(self, context, image_id, target_path):
        self.downloads += 1
        shutil.copyfile(self._source, target_path)


def fetch(tmp_path, source, disk_format, max_size=0):
    target = tmp_path / "target"
    images.fetch_to_raw(None, FolderOfImages(source, disk_format), "image", target, max_size)
    return target


def left_beside(tmp_path):
    return [path.name for path in tmp_path.iterdir() if path.name.startswith("target")]


@pytest.fixture
def raw(tmp_path):
    path = tmp_path / "raw"
    path.write_bytes(b"\x17" * (1 << 20))
    return path


def test_a_raw_image_is_not_converted(tmp_path, raw):
    assert fetch(tmp_path, raw, "raw").read_bytes() == raw.read_bytes()
    assert left_beside(tmp_path) == ["target"]


def test_a_kernel_with_the_signature_of_a_partition_table_is_raw(tmp_path):
    kernel = tmp_path / "kernel"
    kernel.write_bytes(b"\x90" * 510 + b"\x55\xaa" + b"\x90" * 4096)
    assert fetch(tmp_path, kernel, "aki").read_bytes() == kernel.read_bytes()


@needs_qemu_img
@pytest.mark.parametrize("disk_format", ["qcow2", "vmdk", "vdi", "vpc", "vhdx"])
def test_other_formats_are_converted_to_raw(tmp_path, raw, disk_format):
    source = tmp_path / "source"
    command = ["qemu-img", "convert", "-f", "raw", "-O", disk_format, raw, source]
    subprocess.run(command, check=True)
    found = fetch(tmp_path, source, disk_format).read_bytes()
    assert found[: 1 << 20] == raw.read_bytes()
    assert left_beside(tmp_path) == ["target"]


@needs_qemu_img
def test_qcow2_is_not_converted_without_force_raw_images(tmp_path, raw, override):
    override("force_raw_images", False)
    source = tmp_path / "source"
    subprocess.run(["qemu-img", "convert", "-O", "qcow2", raw, source], check=True)
    output = subprocess.check_output(
        ["qemu-img", "info", "--output=json", fetch(tmp_path, source, "qcow2")]
    )
    assert json.loads(output)["format"] == "qcow2"


def test_a_backing_file_is_refused(tmp_path):
    source = write_qcow2(tmp_path / "source", backing="/etc/shadow")
    with pytest.raises(exception.ImageUnacceptable, match="backing_file"):
        fetch(tmp_path, source, "qcow2")
    assert left_beside(tmp_path) == []


@needs_qemu_img
def test_a_data_file_is_refused(tmp_path):
    source = tmp_path / "source"
    data = f"data_file={tmp_path}/data,data_file_raw=on"
    subprocess.run(
        ["qemu-img", "create", "-q", "-f", "qcow2", "-o", data, source, "1M"], check=True
    )
    with pytest.raises(exception.ImageUnacceptable, match="data_file"):
        fetch(tmp_path, source, "qcow2")


def test_an_extent_in_another_file_is_refused(tmp_path):
    source = tmp_path / "source"
    source.write_text(
        "# Disk DescriptorFile\nversion=1\nCID=fffffffe\nparentCID=ffffffff\n"
        'createType="monolithicFlat"\nRW 2048 FLAT "/etc/shadow" 0\n'
    )
    with pytest.raises(exception.ImageUnacceptable):
        fetch(tmp_path, source, "vmdk")


@pytest.mark.parametrize(("declared", "content"), [("raw", "qcow2"), ("qcow2", "raw")])
def test_a_wrong_declared_format_is_refused(tmp_path, raw, declared, content):
    source = write_qcow2(tmp_path / "source") if content == "qcow2" else raw
    with pytest.raises(exception.ImageUnacceptable, match=f"declared as {declared}"):
        fetch(tmp_path, source, declared)
    assert left_beside(tmp_path) == []


def test_an_image_larger_than_the_disk_is_refused_before_it_is_converted(tmp_path):
    source = write_qcow2(tmp_path / "source", size=1 << 50)
    with pytest.raises(exception.FlavorDiskSmallerThanImage):
        fetch(tmp_path, source, "qcow2", max_size=1 << 30)
    assert left_beside(tmp_path) == []


def test_an_empty_image_is_raw(tmp_path):
    source = tmp_path / "source"
    source.touch()
    assert fetch(tmp_path, source, "raw").stat().st_size == 0


def test_files_of_an_interrupted_fetch_are_overwritten(tmp_path, raw):
    (tmp_path / "target.part").write_bytes(b"half")
    assert fetch(tmp_path, raw, "raw").read_bytes() == raw.read_bytes()
    assert left_beside(tmp_path) == ["target"]


def test_an_interrupted_download_leaves_no_file(tmp_path, raw):
    class Breaking(FolderOfImages):
        def download(self, context, image_id, target_path):
            super().download(context, image_id, target_path)
            raise exception.GlanceConnectionFailed(reason="gone")

    with pytest.raises(exception.GlanceConnectionFailed):
        images.fetch_to_raw(None, Breaking(raw, "raw"), "image", tmp_path / "target")
    assert left_beside(tmp_path) == []


@needs_qemu_img
def test_qemu_img_runs_within_limits(monkeypatch):
    images.qemu_img("--version")
    little = [
        f"--as={16 << 20}" if word.startswith("--as") else word for word in images.QEMU_IMG_LIMITS
    ]
    monkeypatch.setattr(images, "QEMU_IMG_LIMITS", little)
    with pytest.raises(images.processutils.ProcessExecutionError):
        images.qemu_img("--version")


# -- images that are cloned where they are: only their head is read ------------------------------

MIB = 1 << 20


def head_of(kind, tmp_path) -> bytes:
    if kind == "partitioned":
        return (b"\0" * 510 + b"\x55\xaa").ljust(MIB, b"\0")
    if kind == "qcow2":
        return write_qcow2(tmp_path / "qcow2").read_bytes()[:MIB]
    return {"plain": b"boot".ljust(MIB, b"\0"), "nothing": b""}[kind]


@pytest.mark.parametrize("kind", ["plain", "partitioned", "nothing"])
@pytest.mark.parametrize("declared", ["raw", "iso"])
def test_the_head_of_a_raw_image_is_accepted(tmp_path, kind, declared):
    images.inspect_head("image", head_of(kind, tmp_path), declared)


@pytest.mark.parametrize("declared", ["raw", "qcow2"])
def test_a_head_that_is_not_raw_is_refused(tmp_path, declared):
    with pytest.raises(exception.ImageUnacceptable, match="qcow2"):
        images.inspect_head("image", head_of("qcow2", tmp_path), declared)
