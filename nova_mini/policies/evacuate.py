"""Evacuation of servers: for administrators only."""

from nova_mini.policies import base

EVACUATE = "os_compute_api:os-evacuate"

RULES = [
    base.rule(
        EVACUATE,
        base.ADMIN,
        "Evacuate a server from a host that is down",
        ("POST", "/servers/{server_id}/action"),
    )
]
