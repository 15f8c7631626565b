"""Real guests under a real libvirtd, driven by LibvirtDriver alone.

LIBVIRT_TEST_URI names the libvirtd; without it these tests are skipped. They must run as root in
that libvirtd's mount and network namespaces.
"""

from __future__ import annotations

import os
import pathlib
import subprocess
import time

import pytest

from nova_mini.conf import CONF
from tests.integration.libvirt import cloud

URI = os.environ.get("LIBVIRT_TEST_URI")
REPOSITORY = pathlib.Path(__file__).parents[3]


def pytest_collection_modifyitems(items):
    here = pathlib.Path(__file__).parent
    for item in items:
        if not URI and here in item.path.parents:
            item.add_marker(pytest.mark.skip(reason="LIBVIRT_TEST_URI is not set"))


@pytest.fixture(scope="session")
def guest_image(tmp_path_factory) -> pathlib.Path:
    """The folder of the small guest's images: LIBVIRT_TEST_IMAGES, else made for this run."""
    if given := os.environ.get("LIBVIRT_TEST_IMAGES"):
        return pathlib.Path(given)
    path = tmp_path_factory.mktemp("guest")
    subprocess.run([REPOSITORY / "tools/guest/build", path], check=True, timeout=300)
    return path


@pytest.fixture
def driver(tmp_path, guest_image):
    made = cloud.make_driver(URI, tmp_path, guest_image)
    yield made
    for uuid in made.list_instance_uuids():
        made.destroy(None, cloud.instance_with(uuid))
    CONF.reset()
    for name, group in cloud.OVERRIDDEN:
        CONF.clear_override(name, group=group)


@pytest.fixture
def console(driver):
    """``console(instance, text)``: what the guest has said, once it has said ``text``."""

    def wait_for(instance, text: str, timeout: float = 60) -> str:
        deadline = time.monotonic() + timeout
        while True:
            said = driver.get_console_output(None, instance).decode(errors="replace")
            if text in said:
                return said
            assert time.monotonic() < deadline, f"no {text!r} on the console:\n{said}"
            time.sleep(0.2)

    return wait_for
