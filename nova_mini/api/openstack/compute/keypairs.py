"""``/os-keypairs``: the public keys of a user."""

from __future__ import annotations

from typing import Any

from nova_mini import exception, policy, quota
from nova_mini.api import validation
from nova_mini.api.openstack import common, wsgi
from nova_mini.api.openstack.compute.schemas import keypairs as schema
from nova_mini.api.openstack.request import Request
from nova_mini.notifications import notify_about_keypair
from nova_mini.objects.keypair import KeyPair, KeyPairList
from nova_mini.policies import keypairs as keypairs_policy


class KeypairsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.9")
    @validation.query_schema(schema.index_v210, "2.10", "2.34")
    @validation.query_schema(schema.index_v235, "2.35", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req: Request) -> dict:
        user_id = _user(req, keypairs_policy.INDEX)
        limit, marker = None, None
        if req.api_version >= (2, 35):
            limit, marker = common.get_limit_and_marker(req)
        keypairs = KeyPairList.get_by_user(req.context, user_id, limit, marker)
        response: dict[str, Any] = {
            "keypairs": [{"keypair": _summary(req, keypair)} for keypair in keypairs]
        }
        if limit and len(keypairs) == limit:
            links = common.Links(req, "os-keypairs")
            response["keypairs_links"] = links.next(keypairs[-1].name)
        return response

    @validation.query_schema(schema.one, "2.1", "2.9")
    @validation.query_schema(schema.one_v210, "2.10", "2.74")
    @validation.query_schema(schema.one_v275, "2.75")
    def show(self, req: Request, id: str) -> dict:
        user_id = _user(req, keypairs_policy.SHOW)
        keypair = KeyPair.get_by_name(req.context, user_id, id)
        return {
            "keypair": {
                **_summary(req, keypair),
                "id": keypair.id,
                "user_id": keypair.user_id,
                "created_at": common.strtime(keypair.created_at),
                "updated_at": common.strtime(keypair.updated_at),
                "deleted": False,
                "deleted_at": None,
            }
        }

    @wsgi.api_version("2.1", "2.1")
    @validation.schema(schema.create)
    def create(self, req: Request, body: dict) -> dict:
        return _create(req, body["keypair"])

    @create.api_version("2.2")
    @wsgi.response(201)
    @validation.schema(schema.create_v22, "2.2", "2.9")
    @validation.schema(schema.create_v210, "2.10", "2.91")
    @validation.schema(schema.create_v292, "2.92")
    def create_v22(self, req: Request, body: dict) -> dict:
        return _create(req, body["keypair"])

    @wsgi.api_version("2.1", "2.1")
    @wsgi.response(202)
    def delete(self, req: Request, id: str) -> None:
        _delete(req, id)

    @delete.api_version("2.2")
    @wsgi.response(204)
    @validation.query_schema(schema.one, "2.2", "2.9")
    @validation.query_schema(schema.one_v210, "2.10", "2.74")
    @validation.query_schema(schema.one_v275, "2.75")
    def delete_v22(self, req: Request, id: str) -> None:
        _delete(req, id)


def _create(req: Request, requested: dict) -> dict:
    from nova_mini import crypto  # takes 10 MiB: imported only if a key is created

    context = req.context
    user_id = requested.get("user_id", context.user_id)
    policy.authorize(context, keypairs_policy.CREATE, {"user_id": user_id})
    _check_quota(req, user_id)
    key_type = requested.get("type", crypto.SSH)
    keypair = KeyPair(context, user_id=user_id, name=requested["name"], type=key_type)
    private_key, event = None, "create"
    if "public_key" in requested:
        event = "import"
        keypair.public_key = requested["public_key"]
        keypair.fingerprint = crypto.fingerprint(key_type, keypair.public_key)
    notify_about_keypair(context, f"{event}.start", keypair)
    if event == "create":
        private_key, keypair.public_key = crypto.generate(key_type, user_id or "")
        keypair.fingerprint = crypto.fingerprint(key_type, keypair.public_key)
    keypair.create()
    notify_about_keypair(context, f"{event}.end", keypair)
    view = {**_summary(req, keypair), "user_id": user_id}
    if private_key:
        view["private_key"] = private_key
    return {"keypair": view}


def _check_quota(req: Request, user_id: str | None) -> None:
    limits = quota.get_limits(req.context, req.context.project_id, user_id)
    used = quota.get_usage(req.context, req.context.project_id, user_id)
    if 0 <= limits["key_pairs"] <= used["key_pairs"]:
        raise exception.KeypairLimitExceeded


def _delete(req: Request, name: str) -> None:
    user_id = _user(req, keypairs_policy.DELETE)
    keypair = KeyPair.get_by_name(req.context, user_id, name)
    notify_about_keypair(req.context, "delete.start", keypair)
    keypair.destroy()
    notify_about_keypair(req.context, "delete.end", keypair)


def _user(req: Request, rule: str) -> str | None:
    """The owner of the keys: the caller, or from 2.10 on the query's ``user_id``."""
    user_id = req.query.get("user_id") if req.api_version >= (2, 10) else None
    user_id = user_id or req.context.user_id
    policy.authorize(req.context, rule, {"user_id": user_id})
    return user_id


def _summary(req: Request, keypair: KeyPair) -> dict:
    view = {
        "name": keypair.name,
        "public_key": keypair.public_key,
        "fingerprint": keypair.fingerprint,
    }
    if req.api_version >= (2, 2):
        view["type"] = keypair.type
    return view
