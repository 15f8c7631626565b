"""The NUMA topology of a server."""

from nova_mini.policies import base

INDEX = "compute:server:topology:index"
INDEX_HOST = "compute:server:topology:host:index"

_PATH = ("GET", "/servers/{server_id}/topology")

RULES = [
    base.rule(INDEX, base.PROJECT_READER_OR_ADMIN, "Show the NUMA topology of a server", _PATH),
    base.rule(
        INDEX_HOST,
        base.ADMIN,
        "See the host's nodes and CPUs in the NUMA topology of a server",
        _PATH,
    ),
]
