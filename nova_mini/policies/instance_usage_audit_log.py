"""The log of usage audits."""

from nova_mini.policies import base

LIST = "os_compute_api:os-instance-usage-audit-log:list"
SHOW = "os_compute_api:os-instance-usage-audit-log:show"

RULES = [
    base.rule(
        LIST, base.ADMIN, "Show the last usage audit", ("GET", "/os-instance_usage_audit_log")
    ),
    base.rule(
        SHOW,
        base.ADMIN,
        "Show the usage audit before a time",
        ("GET", "/os-instance_usage_audit_log/{before_timestamp}"),
    ),
]
