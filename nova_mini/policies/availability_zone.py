"""Availability zones: everyone sees their names, administrators their hosts."""

from nova_mini.policies import base

LIST = "os_compute_api:os-availability-zone:list"
DETAIL = "os_compute_api:os-availability-zone:detail"

RULES = [
    base.rule(LIST, base.ANY, "List availability zones", ("GET", "/os-availability-zone")),
    base.rule(
        DETAIL, base.ADMIN, "List them with their hosts", ("GET", "/os-availability-zone/detail")
    ),
]
