"""Client of the image service (REST API v2).

A method sends one or two requests. Requests that can be repeated safely are retried when the
connection fails. Thread-safe.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import IO, TYPE_CHECKING, Any

import requests
from keystoneauth1 import exceptions as ks_exc
from oslo_log import log as logging
from oslo_utils import uuidutils

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.image import refusal
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
        """An image's record; with ``include_locations`` also the locations of its data, which are
        read with the service's credentials.

        Locations must never be shown to users: they are for a driver that can clone.
        """
        image = ImageMeta.from_glance(self._get(context, image_id))
        image.direct_url = None
        image.locations = self._locations(context, image_id) if include_locations else None
        return image

    def list_page(self, context: RequestContext, query: dict[str, Any]) -> list[ImageMeta]:
        """One page of the images that the user sees. ``query``: Glance's filters, ``limit`` and
        ``marker``. Raises ImageBadRequest for what Glance refuses."""
        with _translated("(list)"):
            page = self._client(context).get("/v2/images", params=query, **_retries()).json()
        return [ImageMeta.from_glance(each) for each in page["images"]]

    def is_visible_to(self, context: RequestContext, image_id: str, project_id: str) -> bool:
        """Whether a project may read an image; checked with the service's credentials.

        Raises ImageNotFound, GlanceConnectionFailed.
        """
        with _translated(image_id):
            client = self._client(context, as_service=True)
            image = client.get(_path(image_id), **_retries()).json()
            if image.get("visibility") in ("public", "community"):
                return True
            if image.get("owner") == project_id:
                return True
            if image.get("visibility") != "shared":
                return False
            response = client.get(f"{_path(image_id)}/members", **_retries()).json()
        return project_id in {member["member_id"] for member in response["members"]}

    def list_unfinished(self, context: RequestContext) -> list[ImageMeta]:
        """The images of all projects that have no data yet, read with the service's credentials."""
        found: list[ImageMeta] = []
        path = f"/v2/images?status=in:queued,saving&limit={_PAGE}"
        with _translated("(all that are queued)"):
            client = self._client(context, as_service=True)
            while path:
                page = client.get(path, **_retries()).json()
                found += [ImageMeta.from_glance(image) for image in page["images"]]
                path = page.get("next")
        return found

    def list_alike(
        self, context: RequestContext, image: ImageMeta, names: Sequence[str]
    ) -> list[ImageMeta]:
        """The active images of the owner of ``image`` that have the same properties ``names``, the
        newest first."""
        properties = {name: image.properties[name] for name in names}
        query = {"status": "active", "sort_key": "created_at", "sort_dir": "desc", "limit": _PAGE}
        with _translated(str(image.id)):
            client = self._client(context)
            page = client.get("/v2/images", params={**query, **properties}, **_retries()).json()
        found = [ImageMeta.from_glance(each) for each in page["images"]]
        return [
            each
            for each in found
            if each.owner == image.owner and properties.items() <= each.properties.items()
        ]

    def create(self, context: RequestContext, properties: dict[str, Any]) -> ImageMeta:
        """Create a queued image from the fields and properties of a Glance record.

        Idempotent if the caller chooses the ``id``: an existing image is returned.
        """
        image = {"id": uuidutils.generate_uuid(), **properties}
        with _translated(image["id"]):
            try:
                response = self._client(context).post("/v2/images", json=image, **_retries())
            except ks_exc.Conflict:
                return self.get(context, image["id"])
        return ImageMeta.from_glance(response.json())

    def update(self, context: RequestContext, image_id: str, **properties: Any) -> ImageMeta:
        """Set fields and properties; None removes a property."""
        record = self._get(context, image_id)
        patch = [
            _patch_step(name, value, name in record)
            for name, value in properties.items()
            if value is not None or name in record
        ]
        with _translated(image_id):
            response = self._client(context).patch(
                _path(image_id), json=patch, headers={"Content-Type": _PATCH_TYPE}, **_retries()
            )
        return ImageMeta.from_glance(response.json())

    def upload(self, context: RequestContext, image_id: str, fileobj: IO[bytes]) -> None:
        """Upload the data of a queued image, which becomes active."""
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
                LOG.info("Image %s: active, but the answer to its upload was lost", image_id)

    def add_location(self, context: RequestContext, image_id: str, url: str) -> None:
        """Register the location of existing data for a queued image, and wait until the image is
        active.

        Sent with the service's credentials, since users may not add locations. Idempotent. Raises
        ImageNotAuthorized and ImageBadRequest when Glance refuses the location.
        """
        with _translated(image_id):
            try:
                self._client(context, as_service=True).post(
                    f"{_path(image_id)}/locations", json={"url": url}, **_retries()
                )
            except ks_exc.Conflict:
                LOG.info("Image %s: the location was added by an earlier request", image_id)
        deadline = time.monotonic() + _ACTIVATION_SECONDS
        while self.get(context, image_id).status != "active":
            if time.monotonic() > deadline:
                raise exception.GlanceConnectionFailed(reason="the image does not become active")
            time.sleep(_POLL_SECONDS)

    def download(self, context: RequestContext, image_id: str, target_path: str) -> ImageMeta:
        """Download the image's data into ``target_path``, a sparse file, and verify its size and
        checksum.

        When this returns, the file is complete and synced; after an error it does not exist. Raises
        ImageNotActive, ImageUnacceptable (size or checksum is wrong), OSError.
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
                LOG.warning("Image %s: download failed, retrying: %s", image_id, exc)
        raise AssertionError("unreachable")

    def delete(self, context: RequestContext, image_id: str) -> None:
        """Idempotent."""
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
        response = self._client(context).get(
            f"{_path(image_id)}/file", stream=True, log=False, **_retries()
        )
        with contextlib.closing(response):
            yield from response.iter_content(_CHUNK)

    def _locations(self, context: RequestContext, image_id: str) -> list[dict[str, Any]]:
        """The locations of an image: a resource in newer releases of Glance, part of the record in
        older ones."""
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


def _patch_step(name: str, value: Any, exists: bool) -> dict[str, Any]:
    path = "/" + name.replace("~", "~0").replace("/", "~1")
    if value is None:
        return {"op": "remove", "path": path}
    return {"op": "replace" if exists else "add", "path": path, "value": value}


@contextlib.contextmanager
def _translated(image_id: str) -> Iterator[None]:
    """Translate HTTP errors to exceptions with the image's id and Glance's reason."""
    try:
        yield
    except ks_exc.NotFound as exc:
        raise exception.ImageNotFound(image_id=image_id) from exc
    except ks_exc.RequestEntityTooLarge as exc:
        raise _refused(exception.ImageQuotaExceeded, image_id, exc) from exc
    except ks_exc.Unauthorized as exc:
        raise exception.ImageNotAuthorized(image_id=image_id) from exc
    except ks_exc.Forbidden as exc:
        raise _refused(exception.ImageNotAuthorized, image_id, exc) from exc
    except ks_exc.HttpServerError as exc:
        raise exception.GlanceConnectionFailed(reason=f"it answered {exc.http_status}") from exc
    except ks_exc.HttpError as exc:
        reason = refusal.reason_of(exc.response) or f"HTTP {exc.http_status}"
        raise exception.ImageBadRequest(image_id=image_id, response=reason) from exc
    except (ks_exc.ClientException, *_BROKEN_STREAM) as exc:
        LOG.warning("Image service: no answer: %s", exc)
        raise exception.GlanceConnectionFailed(reason="it does not answer") from exc


def _refused(
    error: type[exception.NovaException], image_id: str, exc: ks_exc.HttpError
) -> exception.NovaException:
    """The exception ``error`` with Glance's reason appended to its message."""
    sentence = error.msg_fmt % {"image_id": image_id}
    return error(f"{sentence} {refusal.reason_of(exc.response)}".strip())
