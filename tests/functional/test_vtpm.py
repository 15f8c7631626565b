"""Servers with virtual TPMs on hosts of the fake driver: their passphrases in the key manager, and
what is refused for them."""

from __future__ import annotations

import pathlib
from collections.abc import Callable, Iterator

import pytest

from tests import key_folder
from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.waiting import until

TPM = {"hw:tpm_version": "2.0", "hw:tpm_model": "tpm-crb"}
FLAVORS = {
    "tpm": TPM,
    "tpm-of-host": {**TPM, "hw:tpm_secret_security": "host"},
    "wrong-model": {"hw:tpm_version": "1.2", "hw:tpm_model": "tpm-crb"},
    "old-tpm": {"hw:tpm_version": "1.2"},
}
# The service's credentials for the key manager, which does not ask for them.
SERVICE = {"auth_type": "none", "endpoint": "http://127.0.0.1:9"}


@pytest.fixture(scope="module")
def folder(workspace) -> Iterator[pathlib.Path]:
    path = workspace / "vtpm-keys"
    path.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(key_folder.VARIABLE, str(path))
        yield path


@pytest.fixture(scope="module")
def cloud(engines, images, workspace, folder) -> Iterator[Cloud]:
    options = {
        "key_manager": {"backend": key_folder.BACKEND},
        "barbican_service_user": SERVICE,
    }
    directory = workspace / "vtpm"
    with clouds.running(engines, directory, images, options=options) as running:
        yield running


@pytest.fixture(scope="module")
def catalog(cloud, images) -> dict[str, str]:
    made = make_catalog(cloud, images)
    for name, specs in FLAVORS.items():
        flavor = {"name": name, "id": name, "vcpus": 1, "ram": 96, "disk": 1}
        cloud.admin.post("/flavors", {"flavor": flavor})
        cloud.admin.post(f"/flavors/{name}/os-extra_specs", {"extra_specs": specs})
    return made


@pytest.fixture
def keys(folder) -> Callable[[], list[str]]:
    """``keys()``: the names of the passphrases."""
    return lambda: [record["name"] for record in key_folder.keys(folder).values()]


def name_of(server_id: str) -> str:
    return f"vTPM secret for instance {server_id}"


def test_the_life_of_a_passphrase(project, keys):
    server_id = project.boot(flavorRef="tpm")
    assert keys() == [name_of(server_id)]
    for action, arguments, status in (
        ("os-stop", None, "SHUTOFF"),
        ("os-start", None, "ACTIVE"),
        ("reboot", {"type": "HARD"}, "ACTIVE"),
        ("suspend", None, "SUSPENDED"),
        ("resume", None, "ACTIVE"),
    ):
        project.user.act(server_id, action, arguments)
        project.user.wait_for(server_id, status)
    assert keys() == [name_of(server_id)]
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)
    assert keys() == []


def test_a_resize_to_a_flavor_without_a_tpm(project, catalog, keys):
    server_id = project.boot(flavorRef="tpm")
    larger = {"name": "larger", "id": "larger", "vcpus": 1, "ram": 128, "disk": 1}
    project.admin.post("/flavors", {"flavor": larger})
    for end, left in (("revertResize", [name_of(server_id)]), ("confirmResize", [])):
        project.user.act(server_id, "resize", {"flavorRef": "larger"})
        project.user.wait_for(server_id, "VERIFY_RESIZE", 60)
        assert keys() == [name_of(server_id)]
        project.user.act(server_id, end, expect=202 if end == "revertResize" else 204)
        project.user.wait_for(server_id, "ACTIVE", 60)
        assert keys() == left


def test_a_cold_migration_keeps_the_passphrase(project, folder, keys):
    server_id = project.boot(flavorRef="tpm")
    before = key_folder.keys(folder)
    project.admin.act(server_id, "migrate")
    project.user.wait_for(server_id, "VERIFY_RESIZE", 60)
    project.user.act(server_id, "confirmResize", expect=204)
    project.user.wait_for(server_id, "ACTIVE", 60)
    assert key_folder.keys(folder) == before


@pytest.mark.parametrize(
    ("operation", "action", "arguments"),
    [
        ("live-migration", "os-migrateLive", {"host": None, "block_migration": "auto"}),
        ("rebuild", "rebuild", {"imageRef": "the image"}),
        ("rescue", "rescue", {}),
        ("shelve", "shelve", None),
    ],
)
def test_what_is_refused(project, catalog, operation, action, arguments):
    server_id = project.boot(flavorRef="tpm")
    if "imageRef" in (arguments or {}):
        arguments = {"imageRef": catalog["image"]}
    body = {action: arguments}
    message = project.admin.refusal(409, "POST", f"/servers/{server_id}/action", body)
    text = f"Operation '{operation}' not supported for vTPM-enabled instance ({server_id})."
    assert message == text
    assert project.user.show(server_id)["status"] == "ACTIVE"


@pytest.mark.parametrize(
    ("flavor", "properties", "cause"),
    [
        ("tpm-of-host", {}, "hw:tpm_secret_security=host"),
        ("wrong-model", {}, "hw:tpm_model=tpm-crb"),
        ("old-tpm", {"hw_tpm_version": "2.0"}, "hw_tpm_version=2.0"),
    ],
)
def test_what_finds_no_host(project, images, keys, flavor, properties, cause):
    server_id = project.create(flavorRef=flavor, imageRef=images.add(**properties))
    until("it is in ERROR", lambda: project.user.show(server_id)["status"] == "ERROR", 30)
    fault = project.user.show(server_id)["fault"]["message"]
    assert fault.startswith("No valid host was found.") and cause in fault
    assert keys() == []
