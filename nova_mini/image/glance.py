"""The image service, over its v2 REST API.

One call of ours is one or two requests; requests that may be repeated are, when the connection
fails. Made for any number of threads.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import IO, TYPE_CHECKING, Any

import requests
from keystoneauth1 import exceptions as ks_exc
from oslo_log import log as logging
from oslo_utils import uuidutils

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.image.stream import VerifiedFile
from nova_mini.objects.image_meta import ImageMeta

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

_CHUNK = 1024 * 1024
_PAGE = 1000
_ACTIVATION_SECONDS = 60
_POLL_SECONDS = 0.2
_PATCH_TYPE = "application/openstack-images-v2.1-json-patch"
_BROKEN_STREAM = (
    requests.exceptions.ChunkedEncodingError,
    requests.exceptions.ConnectionError,
    requests.exceptions.Timeout,
)


class API:
    """Raises ImageNotFound, ImageNotAuthorized, ImageBadRequest, GlanceConnectionFailed."""

    def get(
        self, context: RequestContext, image_id: str, include_locations: bool = False
    ) -> ImageMeta:
        """The record; with ``include_locations`` also where its data lies, as the service may see.

        A user must never be shown locations: they are for a hypervisor that can clone.
        """
        image = ImageMeta.from_glance(self._get(context, image_id))
        image.direct_url = None
        image.locations = self._locations(context, image_id) if include_locations else None
        return image

    def list_unfinished(self, context: RequestContext) -> list[ImageMeta]:
        """The images of all projects that have no data yet, as the service may see them."""
        found: list[ImageMeta] = []
        path = f"/v2/images?status=in:queued,saving&limit={_PAGE}"
        with _translated("(all that are queued)"):
            client = self._client(context, as_service=True)
            while path:
                page = client.get(path, **_retries()).json()
                found += [ImageMeta.from_glance(image) for image in page["images"]]
                path = page.get("next")
        return found

    def create(self, context: RequestContext, properties: dict[str, Any]) -> ImageMeta:
        """A queued image, from the fields and properties of a Glance record.

        With an ``id`` of the caller's choice it may be called again: what is there is adopted.
        """
        image = {"id": uuidutils.generate_uuid(), **properties}
        with _translated(image["id"]):
            try:
                answer = self._client(context).post("/v2/images", json=image, **_retries())
            except ks_exc.Conflict:
                return self.get(context, image["id"])
        return ImageMeta.from_glance(answer.json())

    def update(self, context: RequestContext, image_id: str, **properties: Any) -> ImageMeta:
        """Set fields and properties; None removes a property."""
        present = self._get(context, image_id)
        patch = [
            _patch_step(name, value, name in present)
            for name, value in properties.items()
            if value is not None or name in present
        ]
        with _translated(image_id):
            answer = self._client(context).patch(
                _path(image_id), json=patch, headers={"Content-Type": _PATCH_TYPE}, **_retries()
            )
        return ImageMeta.from_glance(answer.json())

    def upload(self, context: RequestContext, image_id: str, fileobj: IO[bytes]) -> None:
        """Give a queued image its data; it is active then."""
        with _translated(image_id):
            try:
                self._client(context).put(
                    f"{_path(image_id)}/file",
                    data=fileobj,
                    headers={"Content-Type": "application/octet-stream"},
                    log=False,
                )
            except ks_exc.RetriableConnectionFailure:
                if self.get(context, image_id).status != "active":
                    raise
                LOG.info("The answer to the upload of image %s was lost; it is active.", image_id)

    def add_location(self, context: RequestContext, image_id: str, url: str) -> None:
        """Tell Glance where the data of a queued image lies already; it is active then.

        Asked for as the service: users may not say such a thing. May be called again. Raises
        ImageNotAuthorized and ImageBadRequest when Glance does not want it.
        """
        with _translated(image_id):
            try:
                self._client(context, as_service=True).post(
                    f"{_path(image_id)}/locations", json={"url": url}, **_retries()
                )
            except ks_exc.Conflict:
                LOG.info("image %s has, or is about to have, its location already", image_id)
        deadline = time.monotonic() + _ACTIVATION_SECONDS
        while self.get(context, image_id).status != "active":
            if time.monotonic() > deadline:
                raise exception.GlanceConnectionFailed(reason="the image does not become active")
            time.sleep(_POLL_SECONDS)

    def download(self, context: RequestContext, image_id: str, target_path: str) -> ImageMeta:
        """Write the image's data to ``target_path``, sparse, and make sure that it is the data.

        The file is whole and on the disk when this returns; after an error there is none. Raises
        ImageNotActive, ImageUnacceptable (the data is not what the record says), OSError.
        """
        image = self.get(context, image_id)
        if image.status != "active":
            raise exception.ImageNotActive(image_id=image_id)
        for left in reversed(range(CONF.glance.num_retries + 1)):
            try:
                with VerifiedFile(target_path, image) as target, _translated(image_id):
                    for chunk in self._chunks(context, image_id):
                        target.write(chunk)
                return image
            except exception.GlanceConnectionFailed as exc:
                if not left:
                    raise
                LOG.warning("Download of image %s broke, starting again: %s", image_id, exc)
        raise AssertionError("unreachable")

    def delete(self, context: RequestContext, image_id: str) -> None:
        """No such image is fine."""
        with (
            contextlib.suppress(exception.ImageNotFound),
            _translated(image_id),
        ):
            self._client(context).delete(_path(image_id), **_retries())

    # -- one request each ------------------------------------------------------------------------

    def _client(self, context: RequestContext, *, as_service: bool = False):
        return service_auth.get_adapter(context, "glance", as_service=as_service)

    def _get(self, context: RequestContext, image_id: str) -> dict[str, Any]:
        with _translated(image_id):
            return self._client(context).get(_path(image_id), **_retries()).json()

    def _chunks(self, context: RequestContext, image_id: str) -> Iterator[bytes]:
        answer = self._client(context).get(
            f"{_path(image_id)}/file", stream=True, log=False, **_retries()
        )
        with contextlib.closing(answer):
            yield from answer.iter_content(_CHUNK)

    def _locations(self, context: RequestContext, image_id: str) -> list[dict[str, Any]]:
        """Newer Glance has a resource for them; an older one shows them in the record."""
        client = self._client(context, as_service=True)
        with _translated(image_id):
            try:
                return client.get(f"{_path(image_id)}/locations", **_retries()).json()
            except (ks_exc.NotFound, ks_exc.Forbidden):
                record = client.get(_path(image_id), **_retries()).json()
        if record.get("locations"):
            return record["locations"]
        return [{"url": record["direct_url"], "metadata": {}}] if record.get("direct_url") else []


def _path(image_id: str) -> str:
    if not uuidutils.is_uuid_like(image_id):
        raise exception.ImageNotFound(image_id=image_id)
    return f"/v2/images/{image_id}"


def _retries() -> dict[str, int]:
    return {
        "connect_retries": CONF.glance.num_retries,
        "status_code_retries": CONF.glance.num_retries,
    }


def _patch_step(name: str, value: Any, present: bool) -> dict[str, Any]:
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    if value is None:
        return {"op": "remove", "path": path}
    return {"op": "replace" if present else "add", "path": path, "value": value}


@contextlib.contextmanager
def _translated(image_id: str) -> Iterator[None]:
    """Errors of HTTP become ours, which say which image it is about."""
    try:
        yield
    except ks_exc.NotFound as exc:
        raise exception.ImageNotFound(image_id=image_id) from exc
    except ks_exc.RequestEntityTooLarge as exc:
        raise exception.ImageQuotaExceeded(image_id=image_id) from exc
    except (ks_exc.Unauthorized, ks_exc.Forbidden) as exc:
        raise exception.ImageNotAuthorized(image_id=image_id) from exc
    except ks_exc.HttpServerError as exc:
        raise exception.GlanceConnectionFailed(reason=f"it answered {exc.http_status}") from exc
    except ks_exc.HttpError as exc:
        raise exception.ImageBadRequest(image_id=image_id, response=exc.message) from exc
    except (ks_exc.ClientException, *_BROKEN_STREAM) as exc:
        LOG.warning("Image service: %s", exc)
        raise exception.GlanceConnectionFailed(reason="it does not answer") from exc
