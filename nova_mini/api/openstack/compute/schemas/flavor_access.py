"""Bodies of the actions that give and remove access to a private flavor."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

add_tenant_access = types.body_of("addTenantAccess", {"tenant": types.project_id}, ["tenant"])
remove_tenant_access = types.body_of("removeTenantAccess", {"tenant": types.project_id}, ["tenant"])
index = types.query_params({})
