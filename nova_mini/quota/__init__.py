"""Quotas: a project's own limits, else those of the default class, else those of ``[quota]``.

With another ``[quota] driver``, the limits are in Keystone (see :mod:`.unified`), or there are
none. -1 is no limit. ``db.project_usages`` counts the usage, when servers are created and deleted.
"""

from __future__ import annotations

from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.quotas import DEFAULT_CLASS, Quotas
from nova_mini.quota import unified

DATABASE, UNIFIED = "nova.quota.DbQuotaDriver", "nova.quota.UnifiedLimitsDriver"

RESOURCES = (
    "instances",
    "cores",
    "ram",
    "metadata_items",
    "injected_files",
    "injected_file_content_bytes",
    "injected_file_path_bytes",
    "key_pairs",
    "server_groups",
    "server_group_members",
)

#: Enforced by Neutron. nova_mini only stores and shows them, for old microversions.
NETWORK_RESOURCES = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")

ALL_RESOURCES = (*RESOURCES, *NETWORK_RESOURCES)

# name in the API -> name of the option, if they differ
_OPTIONS = {"injected_file_path_bytes": "injected_file_path_length"}


def are_stored() -> bool:
    """Whether limits are in the database. If not, a request to change them changes nothing, as in
    Nova."""
    return CONF.quota.driver == DATABASE


def get_defaults(context: RequestContext) -> dict[str, int]:
    """The limits of a project that has no limits of its own."""
    return get_class_limits(context, DEFAULT_CLASS)


def get_class_limits(context: RequestContext, quota_class: str) -> dict[str, int]:
    if not are_stored():
        return _of_other_driver(None)
    return _defaults(Quotas.get_by_class(context, quota_class))


def get_limits(
    context: RequestContext, project_id: str | None, user_id: str | None = ""
) -> dict[str, int]:
    """The limits of a project, or of one user in it, for every resource in ``ALL_RESOURCES``."""
    if not are_stored():
        return _of_other_driver(project_id)
    class_limits, project_limits, user_limits = Quotas.get_applicable(context, project_id, user_id)
    return {**_defaults(class_limits), **project_limits, **user_limits}


def get_project_and_user_limits(
    context: RequestContext, project_id: str | None = None, user_id: str | None = None
) -> tuple[dict[str, int], dict[str, int]]:
    """(the limits of a project, the limits that were set for a user in it); by default those of the
    context."""
    if not are_stored():
        return _of_other_driver(project_id or context.project_id), {}
    class_limits, project_limits, user_limits = Quotas.get_applicable(
        context, project_id or context.project_id, user_id or context.user_id
    )
    return {**_defaults(class_limits), **project_limits}, user_limits


def get_usage(
    context: RequestContext, project_id: str | None, user_id: str | None = ""
) -> dict[str, int]:
    """The usage of each resource; 0 for resources that are limits of a single request."""
    return {**dict.fromkeys(RESOURCES, 0), **Quotas.get_usage(context, project_id, user_id)}


def _of_other_driver(project_id: str | None) -> dict[str, int]:
    """``project_id``: None for the defaults. Users have no limits of their own."""
    limits = unified.get_limits(project_id) if CONF.quota.driver == UNIFIED else {}
    return {**dict.fromkeys(ALL_RESOURCES, -1), **limits}


def _defaults(class_limits: dict[str, int]) -> dict[str, int]:
    configured = {name: CONF.quota[_OPTIONS.get(name, name)] for name in RESOURCES}
    return {**configured, **dict.fromkeys(NETWORK_RESOURCES, -1), **class_limits}
