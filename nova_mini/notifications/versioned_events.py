"""Which versioned notification about servers belongs to which unversioned one, and the names and
versions of their payloads. Both are Nova's."""

from __future__ import annotations

from typing import NamedTuple


class Event(NamedTuple):
    """``instance.<action>.<phase>``; some have no phase."""

    action: str
    phase: str | None = None

    def __str__(self) -> str:
        return ".".join(("instance", self.action, *((self.phase,) if self.phase else ())))


class Payload(NamedTuple):
    """The class of Nova whose fields a payload has. ``fields``: those that only it has."""

    name: str
    version: str
    fields: tuple[str, ...] = ()


ACTION = Payload("InstanceActionPayload", "1.9")
UPDATE = Payload(
    "InstanceUpdatePayload", "2.1", ("state_update", "audit_period", "old_display_name", "tags")
)
EXISTS = Payload("InstanceExistsPayload", "2.1", ("audit_period",))
_VOLUME = Payload("InstanceActionVolumePayload", "1.7", ("volume_id",))
_REBUILD = Payload("InstanceActionRebuildPayload", "1.10", ("trusted_image_certificates",))
_BY_ACTION = {
    "create": Payload(
        "InstanceCreatePayload",
        "1.13",
        ("keypairs", "tags", "trusted_image_certificates", "instance_name"),
    ),
    "exists": EXISTS,
    "rebuild": _REBUILD,
    "rebuild_scheduled": _REBUILD,
    "rescue": Payload("InstanceActionRescuePayload", "1.4", ("rescue_image_ref",)),
    "resize_prep": Payload("InstanceActionResizePrepPayload", "1.4", ("new_flavor",)),
    "snapshot": Payload("InstanceActionSnapshotPayload", "1.10", ("snapshot_image_id",)),
    "update": UPDATE,
    "volume_attach": _VOLUME,
    "volume_detach": _VOLUME,
    "volume_swap": Payload(
        "InstanceActionVolumeSwapPayload", "1.9", ("old_volume_id", "new_volume_id")
    ),
}


def payload_of(action: str) -> Payload:
    return _BY_ACTION.get(action, ACTION)


# The unversioned event without its phase, where the action has another name.
_RENAMED = {
    "finish_resize": "resize_finish",
    "live_migration._post": "live_migration_post",
    "live_migration._rollback": "live_migration_rollback",
    "live_migration.post.dest": "live_migration_post_dest",
    "live_migration.pre": "live_migration_pre",
    "live_migration.rollback.dest": "live_migration_rollback_dest",
    "resize.confirm": "resize_confirm",
    "resize.prep": "resize_prep",
    "resize.revert": "resize_revert",
}
_SAME = frozenset(
    {
        "create",
        "delete",
        "pause",
        "power_off",
        "power_on",
        "reboot",
        "rebuild",
        "rescue",
        "resize",
        "restore",
        "resume",
        "shelve",
        "shelve_offload",
        "shutdown",
        "snapshot",
        "soft_delete",
        "suspend",
        "unpause",
        "unrescue",
        "unshelve",
    }
)
# These have no phase, or name only the end.
_WHOLE = {
    "evacuate": Event("evacuate"),
    "rebuild.scheduled": Event("rebuild_scheduled"),
    "volume.attach": Event("volume_attach", "end"),
    "volume.detach": Event("volume_detach", "end"),
    "volume.swap": Event("volume_swap", "end"),
}
_PHASES = frozenset({"start", "end", "error"})
# Nova sends these only unversioned.
_NOT_VERSIONED = frozenset({"unshelve.error"})


def event_of(unversioned: str) -> Event | None:
    """The versioned event for ``compute.instance.<unversioned>``; None if Nova has none."""
    if unversioned in _WHOLE:
        return _WHOLE[unversioned]
    name, _, phase = unversioned.rpartition(".")
    action = _RENAMED.get(name, name if name in _SAME else None)
    if action is None or phase not in _PHASES or unversioned in _NOT_VERSIONED:
        return None
    return Event(action, phase)
