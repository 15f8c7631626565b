"""Snapshots of volumes in use, which Cinder requests."""

from nova_mini.policies import base

_NAME = "os_compute_api:os-assisted-volume-snapshots:"
_PATH = "/os-assisted-volume-snapshots"

CREATE = _NAME + "create"
DELETE = _NAME + "delete"

RULES = [
    base.rule(
        CREATE, base.SERVICE_OR_ADMIN, "Request a snapshot of a volume in use", ("POST", _PATH)
    ),
    base.rule(
        DELETE,
        base.SERVICE_OR_ADMIN,
        "Request that such a snapshot is deleted",
        ("DELETE", _PATH + "/{snapshot_id}"),
    ),
]
