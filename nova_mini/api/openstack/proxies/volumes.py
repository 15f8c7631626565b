"""``/os-volumes`` and ``/os-snapshots``: volumes and snapshots of Cinder."""

from __future__ import annotations

from nova_mini import policy
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.proxies import schemas, service
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF
from nova_mini.policies import proxies as proxy_policy
from nova_mini.volume import proxied


class VolumesController(wsgi.Controller):
    @wsgi.api_version("2.1", service.LAST)
    @validation.query_schema(schemas.volumes)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, proxy_policy.VOLUMES_LIST)
        return _list_volumes(req)

    @wsgi.api_version("2.1", service.LAST)
    @validation.query_schema(schemas.volumes)
    def detail(self, req: Request) -> dict:
        """The same as the list, as in Nova."""
        policy.authorize(req.context, proxy_policy.VOLUMES_DETAIL)
        return _list_volumes(req)

    @wsgi.api_version("2.1", service.LAST)
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, proxy_policy.VOLUMES_SHOW)
        service.require("cinder")
        return {"volume": _volume(proxied.get_volume(req.context, id))}

    @wsgi.api_version("2.1", service.LAST)
    @validation.schema(schemas.volume)
    def create(self, req: Request, body: dict) -> wsgi.ResponseObject:
        policy.authorize(req.context, proxy_policy.VOLUMES_CREATE)
        service.require("cinder")
        requested = body["volume"]
        fields = {
            "size": requested["size"],
            "snapshot_id": requested.get("snapshot_id"),
            "name": requested.get("display_name"),
            "description": requested.get("display_description"),
            "volume_type": requested.get("volume_type"),
            "availability_zone": requested.get("availability_zone"),
            "metadata": requested.get("metadata"),
        }
        made = proxied.create_volume(req.context, fields)
        links = common.Links(req, "os-volumes").of(made["id"])
        return wsgi.ResponseObject(
            {"volume": _volume(made)}, headers={"Location": links[0]["href"]}
        )

    @wsgi.api_version("2.1", service.LAST)
    @wsgi.response(202)
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.VOLUMES_DELETE)
        service.require("cinder")
        proxied.delete_volume(req.context, id)


class SnapshotsController(wsgi.Controller):
    @wsgi.api_version("2.1", service.LAST)
    @validation.query_schema(schemas.volumes)
    def index(self, req: Request) -> dict:
        policy.authorize(req.context, proxy_policy.SNAPSHOTS_LIST)
        return _list_snapshots(req)

    @wsgi.api_version("2.1", service.LAST)
    @validation.query_schema(schemas.volumes)
    def detail(self, req: Request) -> dict:
        """The same as the list, as in Nova."""
        policy.authorize(req.context, proxy_policy.SNAPSHOTS_DETAIL)
        return _list_snapshots(req)

    @wsgi.api_version("2.1", service.LAST)
    def show(self, req: Request, id: str) -> dict:
        policy.authorize(req.context, proxy_policy.SNAPSHOTS_SHOW)
        service.require("cinder")
        return {"snapshot": _snapshot(proxied.get_snapshot(req.context, id))}

    @wsgi.api_version("2.1", service.LAST)
    @validation.schema(schemas.snapshot)
    def create(self, req: Request, body: dict) -> dict:
        """``force``: also of a volume in use."""
        policy.authorize(req.context, proxy_policy.SNAPSHOTS_CREATE)
        service.require("cinder")
        requested = body["snapshot"]
        fields = {
            "force": common.is_true(requested.get("force", False)),
            "name": requested.get("display_name"),
            "description": requested.get("display_description"),
        }
        made = proxied.create_snapshot(req.context, requested["volume_id"], fields)
        return {"snapshot": _snapshot(made)}

    @wsgi.api_version("2.1", service.LAST)
    @wsgi.response(202)
    def delete(self, req: Request, id: str) -> None:
        policy.authorize(req.context, proxy_policy.SNAPSHOTS_DELETE)
        service.require("cinder")
        proxied.delete_snapshot(req.context, id)


def _list_volumes(req: Request) -> dict:
    service.require("cinder")
    return {"volumes": [_volume(each) for each in _page(req, proxied.list_volumes(req.context))]}


def _list_snapshots(req: Request) -> dict:
    service.require("cinder")
    found = _page(req, proxied.list_snapshots(req.context))
    return {"snapshots": [_snapshot(each) for each in found]}


def _page(req: Request, found: list[dict]) -> list[dict]:
    first = int(req.query.get("offset") or 0)
    limit = min(int(req.query.get("limit") or CONF.api.max_limit), CONF.api.max_limit)
    return found[first : first + limit]


def _volume(volume: dict) -> dict:
    return {
        "id": volume["id"],
        "status": volume["status"],
        "size": volume["size"],
        "availabilityZone": volume.get("availability_zone"),
        "createdAt": volume.get("created_at"),
        "attachments": [_attachment(volume)],
        "displayName": volume.get("name"),
        "displayDescription": volume.get("description"),
        "volumeType": volume.get("volume_type"),
        "snapshotId": volume.get("snapshot_id"),
        "metadata": volume.get("metadata") or {},
    }


def _attachment(volume: dict) -> dict:
    """The first attachment: before multiattach there was one at most. Empty without one."""
    if not volume.get("attachments"):
        return {}
    first = volume["attachments"][0]
    view = {"id": volume["id"], "volumeId": volume["id"], "serverId": first["server_id"]}
    return {**view, "device": first["device"]} if first.get("device") else view


def _snapshot(snapshot: dict) -> dict:
    return {
        "id": snapshot["id"],
        "volumeId": snapshot["volume_id"],
        "status": snapshot["status"],
        "size": snapshot["size"],
        "createdAt": snapshot.get("created_at"),
        "displayName": snapshot.get("name"),
        "displayDescription": snapshot.get("description"),
    }
