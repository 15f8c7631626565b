"""Images as JSON."""

from __future__ import annotations

from oslo_utils import strutils

from nova_mini.api.openstack.common import Links
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta

#: status in the Compute API -> filter of Glance
STATUSES = {
    "ACTIVE": "active",
    "SAVING": "in:queued,saving",
    "DELETED": "in:deleted,pending_delete",
    "ERROR": "killed",
}
_STATUS_OF = {
    "active": "ACTIVE",
    "queued": "SAVING",
    "saving": "SAVING",
    "deleted": "DELETED",
    "pending_delete": "DELETED",
    "killed": "ERROR",
}
_PROGRESS = {"queued": 25, "saving": 50, "active": 100}


class ViewBuilder:
    def __init__(self, req: Request):
        self._links = Links(req, "images")
        self._server_links = Links(req, "servers")
        self._glance = (CONF.api.glance_link_prefix or req.host_url).rstrip("/")

    def basic(self, image: ImageMeta) -> dict:
        alternate = {
            "rel": "alternate",
            "type": "application/vnd.openstack.image",
            "href": f"{self._glance}/images/{image.id}",
        }
        links = [*self._links.of(str(image.id)), alternate]
        return {"id": image.id, "name": image.name, "links": links}

    def detail(self, image: ImageMeta) -> dict:
        properties = image.properties
        view = {
            **self.basic(image),
            "minRam": image.min_ram,
            "minDisk": image.min_disk,
            "metadata": properties,
            "created": image.created_at,
            "updated": image.updated_at,
            "status": _STATUS_OF.get(image.status or "", "UNKNOWN"),
            "progress": _PROGRESS.get(image.status or "", 0),
            "OS-EXT-IMG-SIZE:size": image.size,
        }
        if server_id := properties.get("instance_uuid"):
            view["server"] = {"id": server_id, "links": self._server_links.of(server_id)}
        if "auto_disk_config" in properties:
            is_auto = strutils.bool_from_string(properties["auto_disk_config"])
            view["OS-DCF:diskConfig"] = "AUTO" if is_auto else "MANUAL"
        return view
