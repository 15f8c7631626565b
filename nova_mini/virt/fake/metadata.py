"""The metadata by which users of a fake cloud choose what the guest of a server does wrong."""

# The hosts on which the guest cannot be spawned, separated by spaces; * for all.
FAIL_SPAWN_ON = "fake:fail_spawn_on"
# The guest ignores requests to shut down or to release a device, as a paused guest does.
DEAF = "fake:deaf"
# The guest has a disk on its host.
LOCAL_DISK = "fake:local_disk"

# How long a live migration takes.
LIVE_MIGRATION_SECONDS = "fake:live_migration_seconds"
# The live migration fails.
FAIL_LIVE_MIGRATION = "fake:fail_live_migration"
# The hosts that refuse a live migration, as above.
REFUSE_LIVE_MIGRATION_TO = "fake:refuse_live_migration_to"
