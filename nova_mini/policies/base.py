"""The basic rules (roles) to which the rules of the API refer."""

from __future__ import annotations

from oslo_policy import policy

ADMIN = "rule:context_is_admin"
PROJECT_MEMBER = "rule:project_member_api"
PROJECT_READER = "rule:project_reader_api"
PROJECT_MEMBER_OR_ADMIN = "rule:project_member_or_admin"
PROJECT_READER_OR_ADMIN = "rule:project_reader_or_admin"
PROJECT_MANAGER_OR_ADMIN = "rule:project_manager_or_admin"
SERVICE_OR_ADMIN = "rule:service_or_admin"
ANY = "@"

RULES = [
    policy.RuleDefault("context_is_admin", "role:admin", "An administrator."),
    policy.RuleDefault(
        "project_member_api",
        "role:member and project_id:%(project_id)s",
        "A user who may change the resources of the project.",
    ),
    policy.RuleDefault(
        "project_reader_api",
        "role:reader and project_id:%(project_id)s",
        "A user who may read the resources of the project.",
    ),
    policy.RuleDefault(
        "project_manager_api",
        "role:manager and project_id:%(project_id)s",
        "A user who may manage the resources of the project.",
    ),
    policy.RuleDefault("service_api", "role:service", "Another service of the cloud."),
    policy.RuleDefault("service_or_admin", f"rule:service_api or {ADMIN}"),
    policy.RuleDefault("project_member_or_admin", f"{PROJECT_MEMBER} or {ADMIN}"),
    policy.RuleDefault("project_reader_or_admin", f"{PROJECT_READER} or {ADMIN}"),
    policy.RuleDefault("project_manager_or_admin", f"rule:project_manager_api or {ADMIN}"),
    # No rule of this API uses these two, but policy files that were written for Nova do.
    policy.RuleDefault("admin_api", "is_admin:True", "An administrator."),
    policy.RuleDefault(
        "admin_or_owner",
        "is_admin:True or project_id:%(project_id)s",
        "A user of the project, with any role, or an administrator.",
    ),
]


def rule(
    name: str, check: str, description: str, *operations: tuple[str, str]
) -> policy.DocumentedRuleDefault:
    """A rule of the API. ``operations``: the (method, path) pairs that it guards."""
    return policy.DocumentedRuleDefault(
        name=name,
        check_str=check,
        description=description,
        operations=[{"method": method, "path": path} for method, path in operations],
        scope_types=["project"],
    )
