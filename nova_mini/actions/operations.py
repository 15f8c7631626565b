"""The table of all operations and actions. :mod:`.registry` explains the fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from nova_mini.actions.parameters import (
    AttachInterfaceParameters,
    BackupParameters,
    BuildParameters,
    DeleteParameters,
    DetachInterfaceParameters,
    EvacuateParameters,
    LiveMigrateParameters,
    MigrateParameters,
    PasswordParameters,
    RebootParameters,
    RebuildParameters,
    RemoveInterfaceParameters,
    RescueParameters,
    RevertParameters,
    SnapshotParameters,
    SwapVolumeParameters,
    UnshelveParameters,
    VolumeParameters,
)
from nova_mini.actions.registry import Action, ContinueAtConductor, Operation, Place, Registry


def _at_host(name: str, **fields: Any) -> Operation:
    return Operation(name, Place.HOST, f"compute_{name}", **fields)


def _at_conductor(name: str, event: str, **fields: Any) -> Operation:
    return Operation(name, Place.CONDUCTOR, f"conductor_{event}", **fields)


# -- create --------------------------------------------------------------------------------------

SCHEDULE_AND_BUILD_INSTANCES = _at_conductor(
    "schedule_and_build_instances", "schedule_and_build_instances", parameters=BuildParameters
)
BUILD_INSTANCES = _at_conductor("build_instances", "build_instances", parameters=BuildParameters)


def _try_next_host(parameters: BuildParameters, host: str, reason: str) -> BuildParameters:
    return parameters.replace(tried=[*parameters.tried, host], reason=reason)


BUILD_AND_RUN_INSTANCE = _at_host(
    "build_and_run_instance",
    parameters=BuildParameters,
    error_when_given_up=True,
    when_host_is_down=ContinueAtConductor(BUILD_INSTANCES, _try_next_host, if_unclaimed=True),
    when_rescheduled=ContinueAtConductor(BUILD_INSTANCES, _try_next_host),
)
CREATE = Action(
    "create",
    on_host=BUILD_AND_RUN_INSTANCE,
    on_conductor=SCHEDULE_AND_BUILD_INSTANCES,
)

# -- delete --------------------------------------------------------------------------------------

DELETE_UNSCHEDULED_INSTANCE = _at_conductor(
    "delete_unscheduled_instance", "delete_instance", parameters=DeleteParameters
)
TERMINATE_INSTANCE = _at_host(
    "terminate_instance",
    parameters=DeleteParameters,
    is_urgent=True,
    cancels_event_waits=True,
    error_when_given_up=True,
    when_host_is_down=ContinueAtConductor(
        DELETE_UNSCHEDULED_INSTANCE, lambda parameters, *_: parameters.replace(host_is_down=True)
    ),
)


def _absorb(parameters: DeleteParameters, ended: Sequence[Mapping[str, Any]]) -> DeleteParameters:
    """Add the unfinished images of the ended actions: they are discarded with the server."""
    kinds = {CREATE_IMAGE.name, CREATE_BACKUP.name}
    images = [row["args"]["image_id"] for row in ended if row["action"] in kinds]
    return parameters.replace(unfinished_images=images) if images else parameters


DELETE = Action(
    "delete",
    starts_from="delete",
    on_host=TERMINATE_INSTANCE,
    on_conductor=DELETE_UNSCHEDULED_INSTANCE,
    absorb=_absorb,
)

SOFT_DELETE_INSTANCE = _at_host("soft_delete_instance", is_urgent=True)
RESTORE_INSTANCE = _at_host("restore_instance")

SOFT_DELETE = Action(
    "softDelete", shown_as="delete", starts_from="softDelete", on_host=SOFT_DELETE_INSTANCE
)
RESTORE = Action("restore", starts_from="restore", on_host=RESTORE_INSTANCE)

# -- power ---------------------------------------------------------------------------------------

REBOOT_INSTANCE = _at_host("reboot_instance", parameters=RebootParameters, is_urgent=True)
START_INSTANCE = _at_host("start_instance", is_urgent=True)
STOP_INSTANCE = _at_host("stop_instance", is_urgent=True)
PAUSE_INSTANCE = _at_host("pause_instance")
UNPAUSE_INSTANCE = _at_host("unpause_instance", is_urgent=True)
SUSPEND_INSTANCE = _at_host("suspend_instance")
RESUME_INSTANCE = _at_host("resume_instance", is_urgent=True)

REBOOT = Action("reboot", starts_from="reboot", on_host=REBOOT_INSTANCE)
START = Action("start", starts_from="start", on_host=START_INSTANCE)
STOP = Action("stop", starts_from="stop", on_host=STOP_INSTANCE)
PAUSE = Action("pause", starts_from="pause", on_host=PAUSE_INSTANCE)
UNPAUSE = Action("unpause", starts_from="unpause", on_host=UNPAUSE_INSTANCE)
SUSPEND = Action("suspend", starts_from="suspend", on_host=SUSPEND_INSTANCE)
RESUME = Action("resume", starts_from="resume", on_host=RESUME_INSTANCE)

# -- the root disk -------------------------------------------------------------------------------

REBUILD_INSTANCE = _at_host(
    "rebuild_instance", parameters=RebuildParameters, is_urgent=True, error_when_given_up=True
)
SNAPSHOT_INSTANCE = _at_host("snapshot_instance", parameters=SnapshotParameters)
BACKUP_INSTANCE = _at_host("backup_instance", parameters=BackupParameters)

REBUILD = Action("rebuild", starts_from="rebuild", on_host=REBUILD_INSTANCE)
CREATE_IMAGE = Action("createImage", starts_from="createImage", on_host=SNAPSHOT_INSTANCE)
CREATE_BACKUP = Action("createBackup", starts_from="createBackup", on_host=BACKUP_INSTANCE)

# -- the running guest ---------------------------------------------------------------------------

SET_ADMIN_PASSWORD = _at_host("set_admin_password", parameters=PasswordParameters)
HOST_TRIGGER_CRASH_DUMP = _at_host("trigger_crash_dump", is_urgent=True)

CHANGE_PASSWORD = Action("changePassword", starts_from="changePassword", on_host=SET_ADMIN_PASSWORD)
TRIGGER_CRASH_DUMP = Action(
    "trigger_crash_dump", starts_from="trigger_crash_dump", on_host=HOST_TRIGGER_CRASH_DUMP
)

# -- rescue --------------------------------------------------------------------------------------

RESCUE_INSTANCE = _at_host("rescue_instance", parameters=RescueParameters, error_when_given_up=True)
UNRESCUE_INSTANCE = _at_host("unrescue_instance", error_when_given_up=True)

RESCUE = Action("rescue", starts_from="rescue", on_host=RESCUE_INSTANCE)
UNRESCUE = Action("unrescue", starts_from="unrescue", on_host=UNRESCUE_INSTANCE)

# -- shelve --------------------------------------------------------------------------------------

SHELVE_INSTANCE = _at_host("shelve_instance")
SHELVE_OFFLOAD_INSTANCE = _at_host("shelve_offload_instance")
FIND_HOST_TO_UNSHELVE = _at_conductor(
    "unshelve_instance", "unshelve_instances", parameters=UnshelveParameters
)


def _unshelve_at_next_host(
    parameters: UnshelveParameters, host: str, reason: str
) -> UnshelveParameters:
    return parameters.replace(tried=[*parameters.tried, host], reason=reason)


UNSHELVE_INSTANCE = _at_host(
    "unshelve_instance",
    parameters=UnshelveParameters,
    when_rescheduled=ContinueAtConductor(FIND_HOST_TO_UNSHELVE, _unshelve_at_next_host),
    when_host_is_down=ContinueAtConductor(
        FIND_HOST_TO_UNSHELVE,
        lambda parameters, *_: parameters,
        if_unclaimed=True,
        if_on_no_host=True,
    ),
)

SHELVE = Action("shelve", starts_from="shelve", on_host=SHELVE_INSTANCE)
SHELVE_OFFLOAD = Action(
    "shelveOffload", starts_from="shelveOffload", on_host=SHELVE_OFFLOAD_INSTANCE
)
UNSHELVE = Action(
    "unshelve",
    starts_from="unshelve",
    on_host=UNSHELVE_INSTANCE,
    on_conductor=FIND_HOST_TO_UNSHELVE,
)

# -- move to another host or flavor --------------------------------------------------------------
# resize and migrate: MIGRATE_SERVER, PREP_RESIZE (destination), RESIZE_INSTANCE (source),
# FINISH_RESIZE (destination). A failure in a later phase goes back like revertResize:
# REVERT_RESIZE (destination), FINISH_REVERT_RESIZE (source).

MIGRATE_SERVER = _at_conductor("migrate_server", "migrate_server", parameters=MigrateParameters)


P = TypeVar("P", MigrateParameters, EvacuateParameters)


def _prepare_next_host(parameters: P, host: str, reason: str) -> P:
    return parameters.replace(tried=[*parameters.tried, host], reason=reason)


FINISH_REVERT_RESIZE = _at_host(
    "finish_revert_resize", parameters=RevertParameters, error_when_given_up=True
)
REVERT_RESIZE = _at_host("revert_resize", parameters=RevertParameters)
PREP_RESIZE = _at_host(
    "prep_resize",
    parameters=MigrateParameters,
    # The destination has nothing of the server yet.
    when_host_is_down=ContinueAtConductor(MIGRATE_SERVER, _prepare_next_host),
    when_rescheduled=ContinueAtConductor(MIGRATE_SERVER, _prepare_next_host),
)
RESIZE_INSTANCE = _at_host("resize_instance", when_it_fails=FINISH_REVERT_RESIZE)
FINISH_RESIZE = _at_host("finish_resize", when_it_fails=REVERT_RESIZE)
CONFIRM_AT_DESTINATION = _at_host("confirm_at_destination")
CONFIRM_MIGRATION = _at_conductor("confirm_migration", "confirm_migration")
CONFIRM_RESIZE = _at_host(
    "confirm_resize",
    # To CONFIRM_AT_DESTINATION. The source removes what it has of the server when it returns.
    when_host_is_down=ContinueAtConductor(CONFIRM_MIGRATION, lambda parameters, *_: parameters),
)

RESIZE = Action("resize", starts_from="resize", on_host=MIGRATE_SERVER)
MIGRATE = Action("migrate", starts_from="migrate", on_host=MIGRATE_SERVER)
CONFIRM = Action("confirmResize", starts_from="confirmResize", on_host=CONFIRM_RESIZE)
REVERT = Action("revertResize", starts_from="revertResize", on_host=REVERT_RESIZE)

# -- move a running guest ------------------------------------------------------------------------
# LIVE_MIGRATE_INSTANCE, CHECK_CAN_LIVE_MIGRATE_SOURCE, LIVE_MIGRATE_INSTANCE again (it has a host
# then), PRE_LIVE_MIGRATION (destination), LIVE_MIGRATION (source),
# POST_LIVE_MIGRATION_AT_DESTINATION. A failure of the source goes back with
# ROLLBACK_LIVE_MIGRATION (source) and ROLLBACK_LIVE_MIGRATION_AT_DESTINATION. When the
# source does not know where the guest runs, FIND_LIVE_MIGRATED_GUEST asks the destination.

LIVE_MIGRATE_INSTANCE = _at_conductor(
    "live_migrate_instance", "live_migrate_instance", parameters=LiveMigrateParameters
)
FIND_GUEST_WITHOUT_SOURCE = _at_conductor(
    "find_guest_without_source", "find_guest_without_source", parameters=LiveMigrateParameters
)
ROLLBACK_WITHOUT_DESTINATION = _at_conductor(
    "rollback_without_destination", "rollback_without_destination", parameters=RevertParameters
)


def _migrate_to_next_host(
    parameters: LiveMigrateParameters, host: str, reason: str
) -> LiveMigrateParameters:
    """Users see the reason, if they have requested the host."""
    told = reason.replace(f"host {host}", "the destination")
    return parameters.replace(tried=[*parameters.tried, host], reason=told)


CHECK_CAN_LIVE_MIGRATE_SOURCE = _at_host(
    "check_can_live_migrate_source",
    parameters=LiveMigrateParameters,
    # The conductor gives up then: without its source, no guest can be moved.
    when_host_is_down=ContinueAtConductor(LIVE_MIGRATE_INSTANCE, lambda parameters, *_: parameters),
)
ROLLBACK_LIVE_MIGRATION_AT_DESTINATION = _at_host(
    "rollback_live_migration_at_destination",
    parameters=RevertParameters,
    # The destination removes what it still has of the server when it returns.
    when_host_is_down=ContinueAtConductor(
        ROLLBACK_WITHOUT_DESTINATION, lambda parameters, *_: parameters
    ),
)
ROLLBACK_LIVE_MIGRATION = _at_host("rollback_live_migration", parameters=RevertParameters)
PRE_LIVE_MIGRATION = _at_host(
    "pre_live_migration",
    parameters=LiveMigrateParameters,
    when_host_is_down=ContinueAtConductor(LIVE_MIGRATE_INSTANCE, _migrate_to_next_host),
    when_rescheduled=ContinueAtConductor(LIVE_MIGRATE_INSTANCE, _migrate_to_next_host),
    when_it_fails=ROLLBACK_LIVE_MIGRATION_AT_DESTINATION,
)
LIVE_MIGRATION = _at_host(
    "live_migration",
    parameters=LiveMigrateParameters,
    waits_for_slot=True,
    when_host_is_down=ContinueAtConductor(
        FIND_GUEST_WITHOUT_SOURCE, lambda parameters, *_: parameters
    ),
    when_it_fails=ROLLBACK_LIVE_MIGRATION,
)
FIND_LIVE_MIGRATED_GUEST = _at_host("find_live_migrated_guest", parameters=LiveMigrateParameters)
POST_LIVE_MIGRATION_AT_DESTINATION = _at_host(
    "post_live_migration_at_destination", error_when_given_up=True
)

LIVE_MIGRATE = Action("live-migration", starts_from="os-migrateLive", on_host=LIVE_MIGRATE_INSTANCE)

# -- evacuate ------------------------------------------------------------------------------------
# The source is down: EVACUATE_SERVER fences it and chooses a destination, EVACUATE_INSTANCE builds
# the guest there.

EVACUATE_SERVER = _at_conductor("evacuate_server", "evacuate_server", parameters=EvacuateParameters)
EVACUATE_INSTANCE = _at_host(
    "evacuate_instance",
    parameters=EvacuateParameters,
    is_urgent=True,
    error_when_given_up=True,
    when_host_is_down=ContinueAtConductor(EVACUATE_SERVER, _prepare_next_host, if_fenced=True),
    when_rescheduled=ContinueAtConductor(EVACUATE_SERVER, _prepare_next_host),
)
# It ends the other actions of the server: their host cannot finish them.
EVACUATE = Action(
    "evacuate",
    starts_from="evacuate",
    on_host=EVACUATE_SERVER,
    absorb=lambda parameters, _ended: parameters,
)

# -- interfaces ----------------------------------------------------------------------------------

HOST_ATTACH_INTERFACE = _at_host("attach_interface", parameters=AttachInterfaceParameters)
ATTACH_INTERFACE = Action(
    "attach_interface", starts_from="attach_interface", on_host=HOST_ATTACH_INTERFACE
)
HOST_DETACH_INTERFACE = _at_host("detach_interface", parameters=DetachInterfaceParameters)
DETACH_INTERFACE = Action(
    "detach_interface", starts_from="detach_interface", on_host=HOST_DETACH_INTERFACE
)
# Begun by the host when Neutron has deleted the port; in the history it is a detach_interface.
REMOVE_INTERFACE = _at_host("remove_interface", parameters=RemoveInterfaceParameters)

# -- volumes -------------------------------------------------------------------------------------

HOST_ATTACH_VOLUME = _at_host("attach_volume", parameters=VolumeParameters)
CONDUCTOR_ATTACH_VOLUME = _at_conductor(
    "attach_volume", "attach_volume", parameters=VolumeParameters
)
ATTACH_VOLUME = Action(
    "attach_volume",
    starts_from="attach_volume",
    on_host=HOST_ATTACH_VOLUME,
    on_conductor=CONDUCTOR_ATTACH_VOLUME,
)
HOST_DETACH_VOLUME = _at_host("detach_volume", parameters=VolumeParameters)
CONDUCTOR_DETACH_VOLUME = _at_conductor(
    "detach_volume", "detach_volume", parameters=VolumeParameters
)
DETACH_VOLUME = Action(
    "detach_volume",
    starts_from="detach_volume",
    on_host=HOST_DETACH_VOLUME,
    on_conductor=CONDUCTOR_DETACH_VOLUME,
)
HOST_SWAP_VOLUME = _at_host("swap_volume", parameters=SwapVolumeParameters)
SWAP_VOLUME = Action("swap_volume", starts_from="swap_volume", on_host=HOST_SWAP_VOLUME)

REGISTRY = Registry(
    actions=[
        CREATE,
        DELETE,
        SOFT_DELETE,
        RESTORE,
        REBOOT,
        START,
        STOP,
        PAUSE,
        UNPAUSE,
        SUSPEND,
        RESUME,
        REBUILD,
        CREATE_IMAGE,
        CREATE_BACKUP,
        CHANGE_PASSWORD,
        TRIGGER_CRASH_DUMP,
        RESCUE,
        UNRESCUE,
        SHELVE,
        SHELVE_OFFLOAD,
        UNSHELVE,
        RESIZE,
        MIGRATE,
        CONFIRM,
        REVERT,
        LIVE_MIGRATE,
        EVACUATE,
        ATTACH_INTERFACE,
        DETACH_INTERFACE,
        ATTACH_VOLUME,
        DETACH_VOLUME,
        SWAP_VOLUME,
    ],
    others=[
        BUILD_INSTANCES,
        REMOVE_INTERFACE,
        PREP_RESIZE,
        RESIZE_INSTANCE,
        FINISH_RESIZE,
        FINISH_REVERT_RESIZE,
        CONFIRM_MIGRATION,
        CONFIRM_AT_DESTINATION,
        CHECK_CAN_LIVE_MIGRATE_SOURCE,
        PRE_LIVE_MIGRATION,
        LIVE_MIGRATION,
        POST_LIVE_MIGRATION_AT_DESTINATION,
        FIND_LIVE_MIGRATED_GUEST,
        FIND_GUEST_WITHOUT_SOURCE,
        ROLLBACK_LIVE_MIGRATION,
        ROLLBACK_LIVE_MIGRATION_AT_DESTINATION,
        ROLLBACK_WITHOUT_DESTINATION,
        EVACUATE_INSTANCE,
    ],
)
