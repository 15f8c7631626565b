"""``/servers/{id}/tags``, since 2.26"""

from __future__ import annotations

from urllib.parse import quote

import jsonschema

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import server_tags as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.api.validation.formats import FORMAT_CHECKER
from nova_mini.notifications import notify_about_instance_update
from nova_mini.objects.instance import Instance
from nova_mini.policies import server_tags as tag_policy
from nova_mini.states import state_checks

_ONE_TAG = jsonschema.Draft4Validator(schema.one, format_checker=FORMAT_CHECKER)
_MAX_TAGS = schema.update_all["properties"]["tags"]["maxItems"]


class ServerTagsController(wsgi.Controller):
    @wsgi.api_version("2.26")
    def index(self, req: Request, server_id: str) -> dict:
        return {"tags": _tags(get_instance(req, server_id, tag_policy.INDEX))}

    @wsgi.api_version("2.26")
    @wsgi.response(204)
    def show(self, req: Request, server_id: str, id: str) -> None:
        _check_has_tag(get_instance(req, server_id, tag_policy.SHOW), id)

    @wsgi.api_version("2.26")
    @validation.schema(schema.update)
    def update(self, req: Request, server_id: str, id: str, body: dict) -> wsgi.ResponseObject:
        instance = get_instance(req, server_id, tag_policy.UPDATE)
        if not _ONE_TAG.is_valid(id):
            raise exception.ValidationError(
                detail=f"Tag '{id[:64]}' is invalid. It must be a string of 1 to 60 printable "
                "characters without '/' and ','."
            )
        _check_changeable(req, instance, "update tag")
        present = _tags(instance)
        link = common.Links(req, "servers").of(server_id)[0]["href"]
        location = f"{link}/tags/{quote(id, safe='')}"
        if id in present:
            return wsgi.ResponseObject(code=204, headers={"Location": location})
        if len(present) >= _MAX_TAGS:
            raise exception.ValidationError(
                detail=f"The number of tags exceeded the per-server limit {_MAX_TAGS}"
            )
        instance.add_tag(id)
        notify_about_instance_update(req.context, instance)
        return wsgi.ResponseObject(code=201, headers={"Location": location})

    @wsgi.api_version("2.26")
    @validation.schema(schema.update_all)
    def update_all(self, req: Request, server_id: str, body: dict) -> dict:
        instance = _get_changeable(req, server_id, tag_policy.UPDATE_ALL, "update tags")
        instance.set_tags(body["tags"])
        notify_about_instance_update(req.context, instance)
        return {"tags": _tags(instance)}

    @wsgi.api_version("2.26")
    @wsgi.response(204)
    def delete(self, req: Request, server_id: str, id: str) -> None:
        instance = _get_changeable(req, server_id, tag_policy.DELETE, "delete tag")
        _check_has_tag(instance, id)
        instance.remove_tag(id)
        notify_about_instance_update(req.context, instance)

    @wsgi.api_version("2.26")
    @wsgi.response(204)
    def delete_all(self, req: Request, server_id: str) -> None:
        instance = _get_changeable(req, server_id, tag_policy.DELETE_ALL, "delete tags")
        instance.set_tags([])
        notify_about_instance_update(req.context, instance)


def _get_changeable(req: Request, server_id: str, rule: str, action: str) -> Instance:
    """The server, if its state allows to change its tags. Raises InstanceInvalidState."""
    instance = get_instance(req, server_id, rule)
    _check_changeable(req, instance, action)
    return instance


def _check_changeable(req: Request, instance: Instance, action: str) -> None:
    """Raises InstanceInvalidState."""
    state_checks.check(req.context, instance, action)


def _tags(instance: Instance) -> list[str]:
    instance.load_tags()
    return instance.tags


def _check_has_tag(instance: Instance, tag: str) -> None:
    if tag not in _tags(instance):
        raise exception.NotFound(f"Server {instance.uuid} has no tag '{tag[:64]}'")
