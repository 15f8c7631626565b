"""Real guests of a real libvirtd, used by LibvirtDriver without the other services.

In a node of ``tools/stack`` the tests start their own libvirtd. Elsewhere LIBVIRT_TEST_URI names a
libvirtd without other guests, and the tests run as root on its machine.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import time
from collections.abc import Iterator

import pytest

from nova_mini.conf import CONF
from tests.integration.cloud.harness import node
from tests.integration.libvirt import cloud, libvirtd

GIVEN_URI = os.environ.get("LIBVIRT_TEST_URI")
REPOSITORY = pathlib.Path(__file__).parents[3]


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if not (GIVEN_URI or node.NAME) and here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="neither in a node nor LIBVIRT_TEST_URI set"))


@pytest.fixture(scope="session")
def uri() -> Iterator[str]:
    if GIVEN_URI:
        yield GIVEN_URI
        return
    with libvirtd.running() as own:
        yield own


@pytest.fixture(scope="session")
def guest_image(tmp_path_factory) -> pathlib.Path:
    """The folder with the images of the small guest: that of the stack, or one for this run."""
    if node.NAME:
        return node.STACK / "images"
    path = tmp_path_factory.mktemp("guest")
    subprocess.run([REPOSITORY / "tools/guest/build", path], check=True, timeout=300)
    return path


@pytest.fixture(autouse=True)
def way_for_qemu(tmp_path) -> None:
    """Let QEMU's user reach the files of its guests, as in /var/lib: pytest makes the folders of
    tests accessible to root only."""
    for folder in (tmp_path, *tmp_path.parents[:2]):
        folder.chmod(0o711)


@pytest.fixture
def driver(uri, tmp_path, guest_image):
    made = cloud.make_driver(uri, tmp_path, guest_image)
    yield made
    for uuid in made.list_instance_uuids():
        made.destroy(None, cloud.instance_with(uuid))
    CONF.reset()
    for name, group in cloud.OVERRIDDEN:
        CONF.clear_override(name, group=group)


@pytest.fixture
def console(driver):
    """``console(instance, text)``: the output of the guest's console when it contains ``text``."""

    def wait_for(instance, text: str, timeout: float = 120) -> str:
        deadline = time.monotonic() + timeout
        while True:
            output = driver.get_console_output(None, instance).decode(errors="replace")
            if text in output:
                return output
            assert time.monotonic() < deadline, f"no {text!r} on the console:\n{output}"
            time.sleep(0.2)

    return wait_for
