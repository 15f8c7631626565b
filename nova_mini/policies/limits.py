"""Limits: users see those of their project, administrators those of all projects."""

from nova_mini.policies import base

INDEX = "os_compute_api:limits"
OTHER_PROJECT = "os_compute_api:limits:other_project"

RULES = [
    base.rule(INDEX, base.ANY, "Show the limits of the caller's project", ("GET", "/limits")),
    base.rule(OTHER_PROJECT, base.ADMIN, "Show the limits of another project", ("GET", "/limits")),
]
