"""Tokens of consoles."""

from nova_mini.policies import base

SHOW = "os_compute_api:os-console-auth-tokens"

RULES = [
    base.rule(
        SHOW,
        base.ADMIN,
        "Show which console of which server a token opens",
        ("GET", "/os-console-auth-tokens/{console_token}"),
    ),
]
