"""The stack's services respond while some of their clients are slow."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

SLOW_CLIENTS = 4  # more than there are processes of a service on a small machine
SECONDS = 20
CHUNK = 1024**2


@pytest.fixture
def upload(cloud) -> Iterator[str]:
    """The id of an image that has no data yet."""
    image = cloud.of_user.image.create_image(
        name="it-parallel", disk_format="raw", container_format="bare", validate_checksum=False
    )
    yield image.id
    cloud.of_user.image.delete_image(image.id)


def _line(cloud) -> http.client.HTTPConnection:
    """A separate connection to Glance."""
    url = urlsplit(cloud.of_user.image.get_endpoint())
    return http.client.HTTPConnection(url.hostname, url.port, timeout=SECONDS)


def _headers(cloud) -> dict[str, str]:
    return {"X-Auth-Token": cloud.of_user.auth_token, "Content-Type": "application/octet-stream"}


def test_a_download_is_streamed_into_an_upload(cloud, upload):
    """Glance must serve both requests at the same time, otherwise neither of them ends."""
    source = cloud.of_user.image.get_image(cloud.image("mini-raw"))
    with contextlib.closing(_line(cloud)) as line:
        line.request("GET", f"/v2/images/{source.id}/file", headers=_headers(cloud))
        data = line.getresponse()
        with contextlib.closing(_line(cloud)) as other:
            chunks = iter(lambda: data.read(CHUNK), b"")
            other.request(
                "PUT", f"/v2/images/{upload}/file", chunks, _headers(cloud), encode_chunked=True
            )
            assert other.getresponse().status == 204
    assert cloud.of_user.image.get_image(upload).checksum == source.checksum


def test_an_image_is_shown_while_others_are_read_slowly(cloud):
    with contextlib.ExitStack() as lines:
        for _ in range(SLOW_CLIENTS):
            line = lines.enter_context(contextlib.closing(_line(cloud)))
            path = f"/v2/images/{cloud.image('mini-raw')}/file"
            line.request("GET", path, headers=_headers(cloud))
            assert line.getresponse().read(1)
        begun = time.monotonic()
        assert cloud.of_user.image.get_image(cloud.image("mini-raw")).status == "active"
        assert time.monotonic() - begun < SECONDS
