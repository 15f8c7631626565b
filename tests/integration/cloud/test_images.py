"""Images that refer to files of the host are refused before any tool opens them."""

from __future__ import annotations

import pathlib
from collections.abc import Iterator

import pytest

from tests.integration.cloud.harness import images

# name -> (declared format, arguments to make the data, message for the user)
_BAD = {
    "a backing file": (
        "qcow2",
        ("-f", "qcow2", "-b", "/etc/hostname", "-F", "raw", "-u"),
        "backing_file",
    ),
    "a data file": ("qcow2", ("-f", "qcow2", "-o", "data_file=elsewhere.raw"), "data_file"),
    "extents in other files": (
        "vmdk",
        ("-f", "vmdk", "-o", "subformat=monolithicFlat"),
        "safety check",
    ),
    "the wrong format, raw": ("raw", ("-f", "qcow2"), "declared as raw but its content is qcow2"),
    "the wrong format, qcow2": ("qcow2", ("-f", "raw"), "declared as qcow2 but its content is raw"),
}


@pytest.fixture
def add(cloud, tmp_path) -> Iterator:
    """Upload an image of a format, and replace the data that Glance has checked."""
    made: list[str] = []

    def add(disk_format: str, data: pathlib.Path | None = None) -> str:
        clean = images.make(tmp_path, f"clean.{disk_format}", "-f", disk_format)
        made.append(images.upload(cloud, disk_format, clean))
        if data:
            images.exchange(made[-1], data)
        return made[-1]

    yield add
    for image_id in made:
        cloud.of_user.image.delete_image(image_id)


def test_a_good_image_is_converted(cloud, boot, add, instruments):
    """Proves that the next test would detect a conversion."""
    image_id = add("qcow2")
    boot(imageRef=image_id)
    runs = [run for run in instruments.qemu_img_runs() if images.name_in_cache(image_id) in run]
    assert [run for run in runs if run.startswith("convert -f qcow2 -O raw")], runs


@pytest.mark.parametrize("what", _BAD)
def test_an_image_is_refused_that_has(what, cloud, boot, add, tmp_path, instruments):
    disk_format, arguments, message = _BAD[what]
    image_id = add(disk_format, images.make(tmp_path, "bad", *arguments))
    guest = boot(imageRef=image_id, wait="ERROR")
    fault = cloud.user.show(guest.id)["fault"]
    assert image_id in fault["message"]
    assert message in fault["message"]
    assert fault["code"] == 500
    assert "details" not in fault, "how it came about is not for users"
    opened = [run for run in instruments.qemu_img_runs() if images.name_in_cache(image_id) in run]
    assert opened == []
