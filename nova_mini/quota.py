"""How much a project may have: its own limits, else the default class's, else ``[quota]``.

-1 is no limit. What a project has is counted where servers are made and destroyed, in
``db.project_usages``.
"""

from __future__ import annotations

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.quotas import DEFAULT_CLASS, Quotas

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

# Where the option has another name than the API has for it.
_OPTIONS = {"injected_file_path_bytes": "injected_file_path_length"}


def get_defaults(context: RequestContext) -> dict[str, int]:
    """The limits of a project for which nothing was set."""
    return get_class_limits(context, DEFAULT_CLASS)


def get_class_limits(context: RequestContext, quota_class: str) -> dict[str, int]:
    return _defaults(Quotas.get_by_class(context, quota_class))


def get_limits(context: RequestContext, project_id: str, user_id: str = "") -> dict[str, int]:
    """The limits of a project, or of one user in it, for every resource in ``RESOURCES``."""
    of_class, of_project, of_user = Quotas.get_applicable(context, project_id, user_id)
    return {**_defaults(of_class), **of_project, **of_user}


def get_project_and_user_limits(
    context: RequestContext,
) -> tuple[dict[str, int], dict[str, int]]:
    """(the limits of the context's project, those that were set for its user there)."""
    of_class, of_project, of_user = Quotas.get_applicable(
        context, context.project_id, context.user_id
    )
    return {**_defaults(of_class), **of_project}, of_user


def get_usage(context: RequestContext, project_id: str, user_id: str = "") -> dict[str, int]:
    """How much of each resource is used: 0 for those that are limits of one request."""
    return {**dict.fromkeys(RESOURCES, 0), **Quotas.get_usage(context, project_id, user_id)}


def check(limits: dict[str, int], used: dict[str, int], asked: dict[str, int]) -> None:
    """Raises OverQuota, which names every resource of ``asked`` that would pass its limit."""
    over = [
        name
        for name, amount in asked.items()
        if amount > 0 and 0 <= limits[name] < used.get(name, 0) + amount
    ]
    if over:
        raise exception.OverQuota(
            overs=", ".join(over),
            req=", ".join(str(asked[name]) for name in over),
            used=", ".join(str(used.get(name, 0)) for name in over),
            allowed=", ".join(str(limits[name]) for name in over),
        )


def _defaults(of_class: dict[str, int]) -> dict[str, int]:
    configured = {name: CONF.quota[_OPTIONS.get(name, name)] for name in RESOURCES}
    return {**configured, **of_class}
