"""Errors of resizes, migrations and evacuations."""

from __future__ import annotations

from nova_mini.exception.base import Invalid, NotFound, NovaException


class MigrationNotFoundForInstance(Invalid):
    msg_fmt = "Instance %(instance_id)s has not been resized."


class CannotResizeToSameFlavor(Invalid):
    msg_fmt = "When resizing, instances must change flavor!"


class CannotResizeDisk(Invalid):
    msg_fmt = "Server disk was unable to be resized because: %(reason)s"


class CannotMigrateToSameHost(Invalid):
    msg_fmt = "Cannot migrate to the host where the server exists."


class MigrationError(NovaException):
    """The move of a server failed, and the server is back at its source."""

    msg_fmt = "The move of instance %(instance_uuid)s failed: %(reason)s"
    safe = True


class RemoteCommandFailed(NovaException):
    """A command on another host failed. Only operators see the reason."""

    msg_fmt = "The command %(command)s failed on another host: %(reason)s"


class DisksNotMoved(NovaException):
    """A phase of a move failed, because of the disks."""

    msg_fmt = "The disks of the server could not be moved: %(reason)s."
    safe = True


class MigrationPreCheckError(NovaException):
    msg_fmt = "Migration pre-check error: %(reason)s"
    code = 400
    safe = True


class LiveMigrationCancelled(NovaException):
    """A user or an option ended the live migration. The guest runs at the source."""

    msg_fmt = "The live migration of instance %(instance_uuid)s was cancelled: %(reason)s"
    safe = True


class MigrationNotFound(NotFound):
    msg_fmt = "Migration %(migration_id)s not found for instance %(instance_uuid)s"


class InvalidMigrationState(Invalid):
    msg_fmt = (
        "Migration %(migration_id)s state of instance %(instance_uuid)s is %(state)s. Cannot "
        "%(method)s while the migration is in this state."
    )


class SourceServiceUnavailable(Invalid):
    """``internal`` names the host."""

    msg_fmt = "The compute service of the server's host is unavailable at this time."


class InvalidSharedStorage(NovaException):
    msg_fmt = "The disks of the server are %(found)sin shared storage, unlike the request says."
