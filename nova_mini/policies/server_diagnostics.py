"""Diagnostics of a server: counters of the hypervisor."""

from nova_mini.policies import base

SHOW = "os_compute_api:os-server-diagnostics"

RULES = [
    base.rule(
        SHOW,
        base.ADMIN,
        "Show the diagnostics of a server",
        ("GET", "/servers/{server_id}/diagnostics"),
    )
]
