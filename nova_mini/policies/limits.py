"""Limits: everyone's own, administrators' of all."""

from nova_mini.policies import base

INDEX = "os_compute_api:limits"
OTHER_PROJECT = "os_compute_api:limits:other_project"

RULES = [
    base.rule(INDEX, base.ANY, "Show the limits of the own project", ("GET", "/limits")),
    base.rule(OTHER_PROJECT, base.ADMIN, "Show those of another project", ("GET", "/limits")),
]
