"""The task that runs on a server (``OS-EXT-STS:task_state``); None if there is none."""

SCHEDULING = "scheduling"
NETWORKING = "networking"
BLOCK_DEVICE_MAPPING = "block_device_mapping"
SPAWNING = "spawning"

IMAGE_BACKUP = "image_backup"
IMAGE_SNAPSHOT = "image_snapshot"
IMAGE_SNAPSHOT_PENDING = "image_snapshot_pending"
IMAGE_PENDING_UPLOAD = "image_pending_upload"
IMAGE_UPLOADING = "image_uploading"

UPDATING_PASSWORD = "updating_password"

REBOOTING = "rebooting"
REBOOT_PENDING = "reboot_pending"
REBOOT_STARTED = "reboot_started"
REBOOTING_HARD = "rebooting_hard"
REBOOT_PENDING_HARD = "reboot_pending_hard"
REBOOT_STARTED_HARD = "reboot_started_hard"

POWERING_OFF = "powering-off"
POWERING_ON = "powering-on"
PAUSING = "pausing"
UNPAUSING = "unpausing"
SUSPENDING = "suspending"
RESUMING = "resuming"

REBUILDING = "rebuilding"
REBUILD_BLOCK_DEVICE_MAPPING = "rebuild_block_device_mapping"
REBUILD_SPAWNING = "rebuild_spawning"

RESIZE_PREP = "resize_prep"
RESIZE_MIGRATING = "resize_migrating"
RESIZE_MIGRATED = "resize_migrated"
RESIZE_FINISH = "resize_finish"
RESIZE_CONFIRMING = "resize_confirming"
RESIZE_REVERTING = "resize_reverting"

RESCUING = "rescuing"
UNRESCUING = "unrescuing"

SHELVING = "shelving"
SHELVING_IMAGE_PENDING_UPLOAD = "shelving_image_pending_upload"
SHELVING_IMAGE_UPLOADING = "shelving_image_uploading"
SHELVING_OFFLOADING = "shelving_offloading"
UNSHELVING = "unshelving"

MIGRATING = "migrating"  # live

DELETING = "deleting"
SOFT_DELETING = "soft-deleting"
RESTORING = "restoring"

ALL = frozenset({None, *(value for name, value in dict(globals()).items() if name.isupper())})

#: The tasks with much input and output, which IoOpsFilter and IoOpsWeigher count; a server that is
#: being built counts too.
IO_INTENSIVE = frozenset(
    {
        IMAGE_BACKUP,
        IMAGE_SNAPSHOT,
        IMAGE_PENDING_UPLOAD,
        IMAGE_UPLOADING,
        REBUILDING,
        REBUILD_BLOCK_DEVICE_MAPPING,
        REBUILD_SPAWNING,
        RESCUING,
        RESIZE_PREP,
        RESIZE_MIGRATING,
        UNSHELVING,
    }
)
