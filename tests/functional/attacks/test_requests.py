"""Requests for the attacker's own servers that name objects of others, or that do harm."""

from __future__ import annotations

import contextlib
import http.client
import json
import time
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from tests.functional.attacks import recipes
from tests.functional.attacks.conftest import STRANGER, Site
from tests.functional.harness.network import ADDRESS


def _image(site: Site, **properties) -> str:
    """A private image of the stranger with these properties."""
    return site.images.add(visibility="private", owner=STRANGER, **properties)


def _mapped_image(site: Site, **fields) -> str:
    """An image whose properties request a root disk and another disk with ``fields``."""
    return _image_of_disks(site, {"volume_size": 1, **fields})


def _image_of_disks(site: Site, *more: dict) -> str:
    """An image whose properties name its disks, as the image of a server with volumes does."""
    own = str(uuid.uuid4())  # the root disk of the host is of the image itself
    root = {"source_type": "image", "uuid": own, "destination_type": "local", "boot_index": 0}
    blank = {"source_type": "blank", "destination_type": "local", "boot_index": -1}
    mapping = json.dumps([root, *({**blank, **each} for each in more)])
    return _image(site, id=own, bdm_v2="True", block_device_mapping=mapping)


def _serves(site: Site, response) -> bool:
    """Whether the request was accepted; then the server becomes ACTIVE, and is deleted."""
    if response.status_code != 202:
        return False
    server_id = response.json()["server"]["id"]
    site.stranger.wait_for(server_id, "ACTIVE")
    site.stranger.delete(f"/servers/{server_id}")
    site.stranger.wait_gone(server_id)
    site.stranger.wait_gone(server_id)
    return True


def _refused(site: Site, body: dict) -> str:
    """The message of the refusal (400) of the stranger's request; no server was created."""
    before = {each["id"] for each in site.stranger.get("/servers")["servers"]}
    message = site.stranger.refusal(400, "POST", "/servers", body)
    assert not {each["id"] for each in site.stranger.get("/servers")["servers"]} - before
    return message


# -- names of objects of others -------------------------------------------------------------------


@pytest.mark.parametrize("field", ["imageRef", "kernel_id", "ramdisk_id"])
def test_a_private_image_of_another_tenant_looks_like_a_missing_image(site, field):
    """As the image to boot, and as the kernel or ramdisk of an own image."""

    def message(image_id: str) -> str:
        with _named_by(site, field, image_id) as image:
            return _refused(site, site.server(imageRef=image))

    private = site.known["private_image"]
    assert message(private).replace(private, recipes.UNKNOWN) == message(recipes.UNKNOWN)


@pytest.mark.parametrize("field", ["imageRef", "kernel_id", "ramdisk_id"])
def test_a_rebuild_names_no_private_image_of_another_tenant(site, field):
    server_id = site.stranger.post("/servers", site.server(), 202)["server"]["id"]
    site.stranger.wait_for(server_id, "ACTIVE")
    with _named_by(site, field, site.known["private_image"]) as image:
        body = {"rebuild": {"imageRef": image}}
        site.stranger.refusal(400, "POST", f"/servers/{server_id}/action", body)
    assert site.stranger.show(server_id)["image"]["id"] == site.known["image"]
    site.stranger.delete(f"/servers/{server_id}")
    site.stranger.wait_gone(server_id)


@contextlib.contextmanager
def _named_by(site, field: str, image_id: str) -> Iterator[str]:
    """The image itself, or an image whose property ``field`` names it. It is removed, because lists
    of images would show the name."""
    if field == "imageRef":
        yield image_id
        return
    image = _image(site, **{field: image_id})
    try:
        yield image
    finally:
        site.images.remove(image)


@pytest.mark.parametrize(
    ("field", "value", "word"),
    [("flavorRef", recipes.FLAVOR, "flavor"), ("key_name", recipes.KEY, "key")],
)
def test_another_tenants_flavor_and_key_are_unknown(site, field, value, word):
    assert word in _refused(site, site.server(**{field: value})).lower()


# -- properties of images -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fields",
    [
        {"guest_format": "../../../etc/shadow"},
        {"guest_format": "ext4/../../x"},
        {"guest_format": "ext4\0"},
        {"guest_format": {"a": "b"}},
        {"volume_size": -5000},
        {"volume_size": "../1"},
        {"volume_size": 2**63},
        {"device_name": "/dev/vd b'/>"},
        {"disk_bus": "'/><disk/>"},
        {"tag": "a/b"},
        {"source_type": "file"},
        {"unknown": 1},
    ],
    ids=str,
)
def test_a_disk_mapping_in_an_image_obeys_the_schema_of_requests(site, fields):
    assert "block_device_mapping" in _refused(
        site, site.server(imageRef=_mapped_image(site, **fields))
    )


@pytest.mark.parametrize("fields", [{}, {"guest_format": "ext4"}], ids=str)
def test_a_right_disk_mapping_in_an_image_is_served(site, fields):
    """That the refusals above mean something."""
    body = site.server(imageRef=_mapped_image(site, **fields))
    assert _serves(site, site.stranger.request("POST", "/servers", body))


def test_the_sizes_of_an_images_disks_do_not_cancel_each_other(site):
    image = _image_of_disks(site, {"volume_size": 5000}, {"volume_size": -5000})
    assert "block_device_mapping" in _refused(site, site.server(imageRef=image))


@pytest.mark.parametrize(
    "text",
    ["{", "[" * 5000, '{"a":' * 5000, "[1e999]", '"\\ud800"', "[null]", "[[]]", "1"],
    ids=lambda text: text[:9],
)
def test_json_of_an_image_that_is_no_mapping(site, text):
    image = _image(site, bdm_v2="True", block_device_mapping=text)
    assert "block_device_mapping" in _refused(site, site.server(imageRef=image))


# -- texts ----------------------------------------------------------------------------------------

_SLOW = "(a+)+$"
_LONG = "10.0.0.0" + "a" * 30
_SECONDS = 2  # on a machine that does other things, too; nested quantifiers took far longer


@pytest.mark.parametrize("name", ["ip", "ip6", "name", "description", "hostname"])
@pytest.mark.parametrize("pattern", [_SLOW, "(.*)*x", "((a|a)*)*b", "(?R)", "a{99999}", "[", "\\"])
def test_no_regular_expression_holds_up_the_api(site, name, pattern):
    begun = time.monotonic()
    response = site.victim.request("GET", "/servers/detail", params={name: pattern})
    assert time.monotonic() - begun < _SECONDS
    assert response.status_code in {200, 400}, response.text


_CONTROLS = ["a\nb", "a\rb", "a\x1b[2Jb", "a\0b", "a\x7fb", "a\x85b"]


@pytest.mark.parametrize("text", _CONTROLS, ids=repr)
@pytest.mark.parametrize(
    "fields",
    [
        lambda text: {"name": text},
        lambda text: {"description": text},
        lambda text: {"tags": [text]},
        lambda text: {"key_name": text},
        lambda text: {"availability_zone": text},
        lambda text: {"metadata": {text: "v"}},
    ],
    ids=["name", "description", "tag", "key_name", "availability_zone", "metadata key"],
)
def test_control_characters_are_refused(site, fields, text):
    _refused(site, site.server(**fields(text)))


# -- hints and addresses --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "hints",
    [{"_nova_check_type": ["rebuild"]}, {"_nova_check_type": "rebuild", "force_hosts": ["c2"]}],
    ids=str,
)
def test_no_hint_takes_the_place_of_a_claim(site, hints):
    """CVE-2026-46448: a hint for internal use, given by a user, disabled the claim."""
    body = {**site.server(), "os:scheduler_hints": hints}
    server_id = site.stranger.post("/servers", body, 202)["server"]["id"]
    site.stranger.wait_for(server_id, "ACTIVE")
    held = site.cloud.query("SELECT * FROM allocations WHERE consumer_uuid = :id", id=server_id)
    assert [(each["vcpus"], each["memory_mb"]) for each in held] == [(1, 64)]
    site.stranger.delete(f"/servers/{server_id}")
    site.stranger.wait_gone(server_id)
    body = {**site.server(availability_zone="nowhere"), "os:scheduler_hints": hints}
    _refused(site, body)


@pytest.mark.parametrize("path", ["//evil.example/%2e%2e", "/%5cevil.example/", "//evil.example"])
def test_no_url_leads_a_browser_to_another_site(site, path):
    """CVE-2021-3654: Nova's console proxy redirected to any site. There is no such proxy here."""
    for port in (site.cloud.api_port, site.metadata_port):
        line = http.client.HTTPConnection(ADDRESS, port, timeout=20)
        with contextlib.closing(line):
            line.request("GET", path)
            response = line.getresponse()
            place = response.getheader("Location", "")
            assert "evil.example" not in urlsplit(place).netloc, place
