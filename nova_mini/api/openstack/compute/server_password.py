"""``/servers/{id}/os-server-password``: the password that a guest has generated, encrypted with the
public key of its user."""

from __future__ import annotations

from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_instance
from nova_mini.api.openstack.request import Request
from nova_mini.objects import guest_password
from nova_mini.policies import server_password as password_policy


class ServerPasswordController(wsgi.Controller):
    def index(self, req: Request, server_id: str) -> dict:
        """The password is "" until the guest has stored one."""
        instance = get_instance(req, server_id, password_policy.SHOW)
        return {"password": guest_password.extract(instance.system_metadata)}

    @wsgi.response(204)
    def clear(self, req: Request, server_id: str) -> None:
        """The guest keeps its password; it may store another one afterwards."""
        instance = get_instance(req, server_id, password_policy.CLEAR)
        guest_password.clear(req.context, instance.uuid)
