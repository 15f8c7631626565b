"""``/images`` (to 2.35) and ``/images/{id}/metadata`` (to 2.38): images of Glance."""

from __future__ import annotations

from collections.abc import Callable

from nova_mini import exception, quota
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.proxies import schemas, service
from nova_mini.api.openstack.proxies.image_views import STATUSES, ViewBuilder
from nova_mini.api.openstack.request import Request
from nova_mini.image import glance
from nova_mini.objects.image_meta import ImageMeta, is_field

_LAST_OF_METADATA = "2.38"
# parameter of the query -> filter of Glance
_FILTERS = {"name": "name", "type": "image_type", "minRam": "min_ram", "minDisk": "min_disk"}
_PROPERTY = "property-"


class ImagesController(wsgi.Controller):
    def __init__(self) -> None:
        self.image_api = glance.API()

    @wsgi.api_version("2.1", service.LAST)
    @validation.query_schema(schemas.images)
    def index(self, req: Request) -> dict:
        view = ViewBuilder(req)
        return self._list(req, view.basic, "")

    @wsgi.api_version("2.1", service.LAST)
    @validation.query_schema(schemas.images)
    def detail(self, req: Request) -> dict:
        view = ViewBuilder(req)
        return self._list(req, view.detail, "/detail")

    @wsgi.api_version("2.1", service.LAST)
    def show(self, req: Request, id: str) -> dict:
        service.require("glance")
        return {"image": ViewBuilder(req).detail(self.image_api.get(req.context, id))}

    @wsgi.api_version("2.1", service.LAST)
    @wsgi.response(204)
    def delete(self, req: Request, id: str) -> None:
        service.require("glance")
        self.image_api.get(req.context, id)  # a delete of an image that does not exist is an error
        self.image_api.delete(req.context, id)

    def _list(self, req: Request, view: Callable[[ImageMeta], dict], path: str) -> dict:
        service.require("glance")
        limit, marker = common.get_limit_and_marker(req)
        query = {**_filters(req), "limit": limit, **({"marker": marker} if marker else {})}
        images = self.image_api.list_page(req.context, query) if limit else []
        response = {"images": [view(image) for image in images]}
        if images and len(images) == limit:
            links = common.Links(req, "images")
            response["images_links"] = links.next(str(images[-1].id), path)
        return response


class ImageMetadataController(wsgi.Controller):
    """The metadata of an image are its properties in Glance."""

    def __init__(self) -> None:
        self.image_api = glance.API()

    @wsgi.api_version("2.1", _LAST_OF_METADATA)
    def index(self, req: Request, image_id: str) -> dict:
        return {"metadata": self._properties(req, image_id)}

    @wsgi.api_version("2.1", _LAST_OF_METADATA)
    def show(self, req: Request, image_id: str, id: str) -> dict:
        properties = self._properties(req, image_id)
        if id not in properties:
            raise exception.NotFound
        return {"meta": {id: properties[id]}}

    @wsgi.api_version("2.1", _LAST_OF_METADATA)
    @validation.schema(schemas.image_metadata)
    def create(self, req: Request, image_id: str, body: dict) -> dict:
        """Add to the metadata."""
        properties = self._properties(req, image_id)
        return {"metadata": self._change(req, image_id, properties, body["metadata"], ())}

    @wsgi.api_version("2.1", _LAST_OF_METADATA)
    @validation.schema(schemas.image_metadata)
    def update_all(self, req: Request, image_id: str, body: dict) -> dict:
        """Replace the metadata."""
        properties, added = self._properties(req, image_id), body["metadata"]
        removed = tuple(properties.keys() - added.keys())
        return {"metadata": self._change(req, image_id, properties, added, removed)}

    @wsgi.api_version("2.1", _LAST_OF_METADATA)
    @validation.schema(schemas.image_meta)
    def update(self, req: Request, image_id: str, id: str, body: dict) -> dict:
        if id not in body["meta"]:
            raise exception.InvalidInput(reason="Request body and URI mismatch")
        self._change(req, image_id, self._properties(req, image_id), body["meta"], ())
        return {"meta": body["meta"]}

    @wsgi.api_version("2.1", _LAST_OF_METADATA)
    @wsgi.response(204)
    def delete(self, req: Request, image_id: str, id: str) -> None:
        properties = self._properties(req, image_id)
        if id not in properties:
            raise exception.NotFound("Invalid metadata key")
        self._change(req, image_id, properties, {}, (id,))

    def _properties(self, req: Request, image_id: str) -> dict[str, str]:
        service.require("glance")
        return self.image_api.get(req.context, image_id).properties

    def _change(
        self,
        req: Request,
        image_id: str,
        properties: dict[str, str],
        added: dict[str, str],
        removed: tuple[str, ...],
    ) -> dict[str, str]:
        """Return the changed properties. Raises Forbidden for too many of them."""
        changed = {**{k: v for k, v in properties.items() if k not in removed}, **added}
        limit = quota.get_project_and_user_limits(req.context)[0]["metadata_items"]
        if 0 <= limit < len(changed) and len(changed) > len(properties):
            raise exception.Forbidden("Image metadata limit exceeded")
        for name in added:
            if is_field(name):
                raise exception.InvalidInput(reason=f"{name} of an image is no metadata")
        image: ImageMeta = self.image_api.update(
            req.context, image_id, **added, **dict.fromkeys(removed)
        )
        return image.properties


def _filters(req: Request) -> dict[str, str]:
    found = {}
    for name, value in req.query.items():
        if name in _FILTERS:
            found[_FILTERS[name]] = value
        elif name.startswith(_PROPERTY) and not is_field(name.removeprefix(_PROPERTY)):
            found[name.removeprefix(_PROPERTY)] = value
        elif name == "status":
            found["status"] = STATUSES.get(value.upper(), value.lower())
        elif name == "server":  # an id, or a link that ends with it
            found["instance_uuid"] = value.rpartition("/")[2]
        elif name == "changes-since":
            found["updated_at"] = f"gte:{value}"
    return found
