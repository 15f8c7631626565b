"""The parameters of the operations, and their form in the rows of actions.

A row stores the parameters that differ from their defaults as a JSON object, and the version of the
class. When fields change in a way that older code cannot read, the class gets a higher ``VERSION``,
and its ``upgrade`` reads rows of older versions.

Parameters may hold an administrator's password or files of a user: they are erased with the end of
the action, and do not appear in a ``repr``.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self, TypedDict

from nova_mini import exception
from nova_mini.objects.network_model import StoredNetworkRequests
from nova_mini.objects.selection import SelectionFields


@dataclass(frozen=True, repr=False)
class Parameters:
    VERSION: ClassVar[int] = 1

    def to_args(self) -> dict[str, Any]:
        """The JSON object for the row. It always contains the parameters without a default."""
        return {
            _stored_name(each): getattr(self, each.name)
            for each in dataclasses.fields(self)
            if each.default is dataclasses.MISSING or getattr(self, each.name) != each.default
        }

    @classmethod
    def from_args(cls, args: dict[str, Any] | None, version: int) -> Self:
        """The parameters of a row. Raises UnknownParameters if a later release has written it."""
        if version > cls.VERSION:
            raise exception.UnknownParameters(kind=cls.__name__, version=version)
        names = {_stored_name(each): each.name for each in dataclasses.fields(cls)}
        stored = cls.upgrade(args or {}, version)
        unknown = stored.keys() - names.keys()
        if unknown:
            raise exception.UnknownParameters(
                kind=cls.__name__, version=f"{version} with {', '.join(sorted(unknown))}"
            )
        return cls(**{names[name]: value for name, value in stored.items()})

    @classmethod
    def upgrade(cls, args: dict[str, Any], version: int) -> dict[str, Any]:
        """Convert stored parameters of an older ``version`` to the form of this version."""
        return args

    def replace(self, **changes: Any) -> Self:
        return dataclasses.replace(self, **changes)


def _stored_name(each: dataclasses.Field[Any]) -> str:
    return each.metadata.get("stored", each.name)


@dataclass(frozen=True, repr=False)
class NoParameters(Parameters):
    """The parameters of operations that have none."""


@dataclass(frozen=True, repr=False)
class BuildParameters(Parameters):
    """The parameters of scheduling and building a server.

    ``injected_files``: [path, base64] of each. ``alternates``: hosts to try next. ``tried``: hosts
    that have failed, and ``reason`` why the last one did.
    """

    admin_password: str | None = None
    injected_files: Sequence[Sequence[str]] = ()
    requested_networks: StoredNetworkRequests | None = None
    security_groups: Sequence[str] = ()
    alternates: Sequence[SelectionFields] = ()
    tried: Sequence[str] = ()
    reason: str | None = None


@dataclass(frozen=True, repr=False)
class DeleteParameters(Parameters):
    """``unfinished_images``: ids of images that actions of the server were creating when the
    delete ended them. ``host_is_down``: the delete is done without the server's host."""

    unfinished_images: Sequence[str] = ()
    host_is_down: bool = False


@dataclass(frozen=True, repr=False)
class RebootParameters(Parameters):
    """``reboot_type``: SOFT or HARD."""

    reboot_type: str


class BeforeRebuild(TypedDict):
    """What a request has changed of the server's record: the former values. None in the system
    metadata: there was no such item."""

    fields: dict[str, Any]
    system_metadata: dict[str, str | None]


@dataclass(frozen=True, repr=False)
class RebuildParameters(Parameters):
    """``image_ref``: the image of the new root disk; ``orig_image_ref``: that of the old one.
    ``reimage_boot_volume``: write it to the root volume, too. ``before``: for a rebuild that is
    refused."""

    image_ref: str
    orig_image_ref: str | None
    admin_password: str | None = None
    injected_files: Sequence[Sequence[str]] | None = ()
    preserve_ephemeral: bool = False
    reimage_boot_volume: bool = False
    before: BeforeRebuild | None = None


class UnshelveDestination(TypedDict, total=False):
    """As requested. ``availability_zone``: None for any zone, also later; without it, the zone of
    the server."""

    availability_zone: str | None
    host: str


@dataclass(frozen=True, repr=False)
class RescueParameters(Parameters):
    """``image_ref``: the image of the rescue disk; ``image``: what ``ImageMeta.to_system_metadata``
    stores of it. ``max_disk_size``: bytes that the rescue disk may have, 0 for any."""

    image_ref: str
    image: dict[str, str]
    image_name: str | None = None
    max_disk_size: int = 0
    admin_password: str | None = None


@dataclass(frozen=True, repr=False)
class UnshelveParameters(Parameters):
    """``tried``: hosts that have failed, and ``reason`` why the last one did."""

    # The stored name is that of release 0.1.0, whose rows and daemons use it.
    destination: UnshelveDestination = field(
        default_factory=UnshelveDestination, metadata={"stored": "wishes"}
    )
    tried: Sequence[str] = ()
    reason: str | None = None

    def to_args(self) -> dict[str, Any]:
        return {"wishes": self.destination, **super().to_args()}


@dataclass(frozen=True, repr=False)
class MigrateParameters(Parameters):
    """``host``: the destination that an administrator requests. ``alternates``: hosts to try
    next. ``tried``: hosts that have failed, and ``reason`` why the last one did."""

    host: str | None = None
    alternates: Sequence[SelectionFields] = ()
    tried: Sequence[str] = ()
    reason: str | None = None


@dataclass(frozen=True, repr=False)
class LiveMigrateParameters(Parameters):
    """``host``, ``alternates``, ``tried``, ``reason``: as in MigrateParameters; ``is_forced``:
    ``host`` is not checked by the scheduler. ``block_migration``: whether local disks are copied;
    None: if it is necessary. ``disk_over_commit``: whether they may come to a host without space
    for their full size; None: the ledger decides. ``source``: what the source has found out, a
    ``SourceFacts``, and ``destination`` what the destination has prepared, a ``DestinationFacts``
    of the driver."""

    host: str | None = None
    is_forced: bool = False
    block_migration: bool | None = None
    disk_over_commit: bool | None = None
    alternates: Sequence[SelectionFields] = ()
    tried: Sequence[str] = ()
    reason: str | None = None
    source: dict[str, Any] | None = None
    destination: dict[str, Any] | None = None


@dataclass(frozen=True, repr=False)
class EvacuateParameters(Parameters):
    """``host``, ``alternates``, ``tried`` and ``reason``: as of :class:`MigrateParameters`.
    ``force``: use ``host`` without asking the filters. ``on_shared_storage``: what the request
    says of the disks; None: the destination finds out. ``stop``: the server is stopped at its
    destination."""

    host: str | None = None
    alternates: Sequence[SelectionFields] = ()
    tried: Sequence[str] = ()
    reason: str | None = None
    force: bool = False
    on_shared_storage: bool | None = None
    stop: bool = False
    admin_password: str | None = None


@dataclass(frozen=True, repr=False)
class RevertParameters(Parameters):
    """``reason``: why a phase of a migration failed; None if a user requests the revert.
    ``is_not_at_destination``: the guest of a live migration was looked for there."""

    reason: str | None = None
    is_not_at_destination: bool = False


@dataclass(frozen=True, repr=False)
class SnapshotParameters(Parameters):
    """``image_id``: an image that Glance has registered, still without data."""

    image_id: str


@dataclass(frozen=True, repr=False)
class BackupParameters(Parameters):
    """``image_id``: as of a snapshot. ``rotation``: how many backups of this type are kept."""

    image_id: str
    backup_type: str
    rotation: int


@dataclass(frozen=True, repr=False)
class PasswordParameters(Parameters):
    """``admin_password``: the new password of the administrator in the guest."""

    admin_password: str


@dataclass(frozen=True, repr=False)
class AttachInterfaceParameters(Parameters):
    port_id: str | None = None
    network_id: str | None = None
    fixed_ip: str | None = None
    tag: str | None = None


@dataclass(frozen=True, repr=False)
class DetachInterfaceParameters(Parameters):
    port_id: str


@dataclass(frozen=True, repr=False)
class RemoveInterfaceParameters(Parameters):
    """``vif``: ``VIF.to_dict()`` of an interface that was removed from the server's record."""

    vif: dict[str, Any]


@dataclass(frozen=True, repr=False)
class VolumeParameters(Parameters):
    """``bdm_uuid``: the block device mapping of the volume."""

    bdm_uuid: str


@dataclass(frozen=True, repr=False)
class SwapVolumeParameters(Parameters):
    bdm_uuid: str
    old_volume_id: str
    old_attachment_id: str
    new_volume_id: str
