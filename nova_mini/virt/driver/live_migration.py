"""Move a guest to another host while it runs.

In the order of the phases. Every method is idempotent.
"""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.numa.guest import GuestTopology
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.live_migration import DestinationFacts, GuestPlace, SourceFacts, Watch


class LiveMigration(abc.ABC):
    @abc.abstractmethod
    def check_can_live_migrate_source(
        self, context: RequestContext, instance: Instance, block_device_info: BlockDeviceInfo
    ) -> SourceFacts:
        """At the source: what the destination must know. Raises MigrationPreCheckError if the guest
        cannot be moved while it runs."""

    @abc.abstractmethod
    def check_can_live_migrate_destination(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        *,
        block_migration: bool | None,
        disk_over_commit: bool | None,
    ) -> None:
        """At the destination, before anything is changed. ``block_migration``: whether local disks
        are to be copied; None: if it is necessary. ``disk_over_commit``: whether without space for
        their full size; None: the ledger has decided it. Raises MigrationPreCheckError, whose text
        users see."""

    @abc.abstractmethod
    def pre_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
        numa: GuestTopology | None = None,
    ) -> DestinationFacts:
        """At the destination: make what the guest needs here. ``network_info`` and
        ``block_device_info`` are those of this host; ``numa``: where the guest is placed on it."""

    @abc.abstractmethod
    def live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        destination: DestinationFacts,
        watch: Watch,
    ) -> None:
        """At the source: move the guest; returns when it runs at the destination. A migration that
        an earlier attempt has begun is continued. Raises LiveMigrationCancelled, MigrationError,
        Preempted: then the guest runs here, unless :meth:`find_live_guest` says something else."""

    @abc.abstractmethod
    def find_live_guest(self, instance: Instance) -> GuestPlace:
        """At either host: what the hypervisor has of the guest. At the source the guest is ACTIVE
        during the migration."""

    @abc.abstractmethod
    def post_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """At the source: remove what is left of a guest that has moved."""

    @abc.abstractmethod
    def post_live_migration_at_destination(
        self, context: RequestContext, instance: Instance, network_info: NetworkInfo
    ) -> None:
        """At the destination: the guest runs here now, and stays."""

    @abc.abstractmethod
    def rollback_live_migration(self, instance: Instance) -> GuestPlace:
        """At the source: cancel the migration if it still runs. Returns where the guest is then."""

    @abc.abstractmethod
    def rollback_live_migration_at_destination(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        """At the destination: remove what :meth:`pre_live_migration` has made. Disks that the
        source uses are kept."""
