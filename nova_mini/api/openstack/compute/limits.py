"""``/limits``: the quota of a project and its usage."""

from __future__ import annotations

from nova_mini import policy, quota
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import limits as schema
from nova_mini.api.openstack.request import Request
from nova_mini.policies import limits as limits_policy

_NAMES = {
    "metadata_items": "maxServerMeta",
    "instances": "maxTotalInstances",
    "cores": "maxTotalCores",
    "ram": "maxTotalRAMSize",
    "key_pairs": "maxTotalKeypairs",
    "server_groups": "maxServerGroups",
    "server_group_members": "maxServerGroupMembers",
}
_UNTIL_V257 = {
    "injected_files": "maxPersonality",
    "injected_file_content_bytes": "maxPersonalitySize",
}
_USED = {
    "instances": "totalInstancesUsed",
    "cores": "totalCoresUsed",
    "ram": "totalRAMUsed",
    "server_groups": "totalServerGroupsUsed",
}
# Neutron enforces these limits; nova_mini does not know their usage.
_NETWORK_UNTIL_V236 = {
    "floating_ips": "maxTotalFloatingIps",
    "security_groups": "maxSecurityGroups",
    "security_group_rules": "maxSecurityGroupRules",
}
_NETWORK_USED_UNTIL_V236 = {"totalFloatingIpsUsed": 0, "totalSecurityGroupsUsed": 0}


class LimitsController(wsgi.Controller):
    @validation.query_schema(schema.index, "2.1", "2.74")
    @validation.query_schema(schema.index_v275, "2.75")
    def index(self, req: Request) -> dict:
        context = req.context
        project_id = req.query.get("tenant_id") or context.project_id
        policy.authorize(context, limits_policy.INDEX)
        if project_id != context.project_id:
            policy.authorize(context, limits_policy.OTHER_PROJECT, {"project_id": project_id})
        limits = quota.get_limits(context, project_id)
        used = quota.get_usage(context, project_id)
        absolute = {shown: limits[name] for name, shown in _NAMES.items()}
        absolute |= {shown: used[name] for name, shown in _USED.items()}
        if req.api_version < (2, 57):
            absolute |= {shown: limits[name] for name, shown in _UNTIL_V257.items()}
        if req.api_version < (2, 39):
            absolute["maxImageMeta"] = limits["metadata_items"]
        if req.api_version < (2, 36):
            absolute |= {shown: limits[name] for name, shown in _NETWORK_UNTIL_V236.items()}
            absolute |= _NETWORK_USED_UNTIL_V236
        return {"limits": {"rate": [], "absolute": absolute}}
