"""``/servers/{id}/tags``, since 2.26"""

from __future__ import annotations

import jsonschema

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import server_tags as schema
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.policies import server_tags as tag_policy

_MAX_TAGS = schema.update_all["properties"]["tags"]["maxItems"]


class ServerTagsController(wsgi.Controller):
    @wsgi.api_version("2.26")
    def index(self, req, server_id):
        return {"tags": _tags(get_instance(req, server_id, tag_policy.INDEX))}

    @wsgi.api_version("2.26")
    @wsgi.response(204)
    def show(self, req, server_id, id):
        _check_there(get_instance(req, server_id, tag_policy.SHOW), id)

    @wsgi.api_version("2.26")
    @validation.schema(schema.update)
    def update(self, req, server_id, id, body):
        instance = get_instance(req, server_id, tag_policy.UPDATE)
        if not jsonschema.Draft4Validator(schema.one).is_valid(id):
            raise exception.ValidationError(
                detail="A tag has 1 to 60 characters and neither '/' nor ','"
            )
        present = _tags(instance)
        location = f"{common.Links(req, 'servers').of(server_id)[0]['href']}/tags/{id}"
        if id in present:
            return wsgi.ResponseObject(code=204, headers={"Location": location})
        if len(present) >= _MAX_TAGS:
            raise exception.ValidationError(
                detail=f"The number of tags exceeded the per-server limit {_MAX_TAGS}"
            )
        instance.add_tag(id)
        return wsgi.ResponseObject(code=201, headers={"Location": location})

    @wsgi.api_version("2.26")
    @validation.schema(schema.update_all)
    def update_all(self, req, server_id, body):
        instance = get_instance(req, server_id, tag_policy.UPDATE_ALL)
        instance.set_tags(body["tags"])
        return {"tags": _tags(instance)}

    @wsgi.api_version("2.26")
    @wsgi.response(204)
    def delete(self, req, server_id, id):
        instance = get_instance(req, server_id, tag_policy.DELETE)
        _check_there(instance, id)
        instance.remove_tag(id)

    @wsgi.api_version("2.26")
    @wsgi.response(204)
    def delete_all(self, req, server_id):
        get_instance(req, server_id, tag_policy.DELETE_ALL).set_tags([])


def _tags(instance) -> list[str]:
    instance.load_tags()
    return instance.tags


def _check_there(instance, tag: str) -> None:
    if tag not in _tags(instance):
        raise exception.NotFound(f"Server {instance.uuid} has no tag '{tag[:64]}'")
