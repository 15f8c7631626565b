"""The roles that all rules speak of."""

from __future__ import annotations

from oslo_policy import policy

ADMIN = "rule:context_is_admin"
PROJECT_MEMBER = "rule:project_member_api"
PROJECT_READER = "rule:project_reader_api"
PROJECT_MEMBER_OR_ADMIN = "rule:project_member_or_admin"
PROJECT_READER_OR_ADMIN = "rule:project_reader_or_admin"
ADMIN_OR_SERVICE = "rule:admin_or_service"
ANY = "@"

RULES = [
    policy.RuleDefault("context_is_admin", "role:admin", "Who is an administrator."),
    policy.RuleDefault(
        "project_member_api",
        "role:member and project_id:%(project_id)s",
        "Who may change what is the project's.",
    ),
    policy.RuleDefault(
        "project_reader_api",
        "role:reader and project_id:%(project_id)s",
        "Who may look at what is the project's.",
    ),
    policy.RuleDefault("admin_or_service", f"{ADMIN} or role:service"),
    policy.RuleDefault("project_member_or_admin", f"{PROJECT_MEMBER} or {ADMIN}"),
    policy.RuleDefault("project_reader_or_admin", f"{PROJECT_READER} or {ADMIN}"),
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
