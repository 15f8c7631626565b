"""The list of extensions, which only clients of the first API read."""

from nova_mini.policies import base

LIST = "os_compute_api:extensions"

RULES = [
    base.rule(
        LIST,
        base.ANY,
        "List and show the extensions of the API",
        ("GET", "/extensions"),
        ("GET", "/extensions/{alias}"),
    )
]
