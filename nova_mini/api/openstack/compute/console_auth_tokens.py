"""``/os-console-auth-tokens/{token}``: what a token opens, for console proxies of others."""

from __future__ import annotations

from nova_mini import exception, policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import console_auth_tokens as schema
from nova_mini.api.openstack.request import Request
from nova_mini.objects.console_auth_token import SPICE_DIRECT, ConsoleAuthToken, hash_of
from nova_mini.policies import console_auth_tokens as token_policy


class ConsoleAuthTokensController(wsgi.Controller):
    @validation.query_schema(schema.show, "2.1", "2.98")
    @validation.query_schema(schema.show_v299, "2.99")
    def show(self, req: Request, id: str) -> dict:
        """Before 2.31 only tokens of RDP could be shown, which no longer exist: 400."""
        policy.authorize(req.context, token_policy.SHOW)
        if req.api_version < (2, 31):
            raise exception.Invalid()
        token = ConsoleAuthToken.validate(req.context, hash_of(id))
        console = {
            "instance_uuid": token.instance_uuid,
            "host": token.host,
            "port": token.port,
            "internal_access_path": None,
        }
        if token.console_type == SPICE_DIRECT and req.api_version >= (2, 99):
            console["tls_port"] = token.tls_port
        return {"console": console}
