"""``/servers/{id}/os-security-groups``: a server's security groups, in Nova's format."""

from __future__ import annotations

from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.server_access import get_record
from nova_mini.api.openstack.compute.views import security_groups as view
from nova_mini.api.openstack.request import Request
from nova_mini.network import neutron
from nova_mini.policies import server_actions as action_policy


class ServerSecurityGroupsController(wsgi.Controller):
    def __init__(self) -> None:
        self.network_api = neutron.API()

    def index(self, req: Request, server_id: str) -> dict:
        """Raises InstanceNotFound, and NeutronConnectionFailed if Neutron is not available."""
        record = get_record(req, server_id, action_policy.LIST_SECURITY_GROUPS)
        groups, sources = self.network_api.get_instance_security_groups(req.context, record.uuid)
        return {"security_groups": view.views(groups, sources)}
