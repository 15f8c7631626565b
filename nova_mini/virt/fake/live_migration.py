"""Move a guest to another host while it runs.

A local disk is copied into an empty one, which the destination makes.
"""

from __future__ import annotations

import pathlib
import time
from typing import TYPE_CHECKING

from oslo_utils import units

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.objects.migration import ABORT, FORCE_COMPLETE
from nova_mini.states import power_state
from nova_mini.trace import traced
from nova_mini.virt.driver.live_migration import LiveMigration
from nova_mini.virt.fake.creation import FakeCreation
from nova_mini.virt.fake.metadata import (
    FAIL_LIVE_MIGRATION,
    LIVE_MIGRATION_SECONDS,
    REFUSE_LIVE_MIGRATION_TO,
    requested,
)
from nova_mini.virt.fake.parts import POLL_SECONDS
from nova_mini.virt.live_migration import GuestPlace

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.numa.guest import GuestTopology
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.live_migration import DestinationFacts, SourceFacts, Watch


class FakeLiveMigration(FakeCreation, LiveMigration):
    @traced("FakeDriver.check_can_live_migrate_source")
    def check_can_live_migrate_source(
        self, context: RequestContext, instance: Instance, block_device_info: BlockDeviceInfo
    ) -> SourceFacts:
        disk = self._guests.disk_path(instance.uuid)
        return {"state": self._get(instance).state, "has_disk": disk.exists()}

    @traced("FakeDriver.check_can_live_migrate_destination")
    def check_can_live_migrate_destination(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        *,
        block_migration: bool | None,
        disk_over_commit: bool | None,
    ) -> None:
        hosts = (requested(instance, REFUSE_LIVE_MIGRATION_TO) or "").split()
        if self._host in hosts or "*" in hosts:
            raise exception.MigrationPreCheckError(
                reason=f"{REFUSE_LIVE_MIGRATION_TO} names the host"
            )
        if source["has_disk"] and block_migration is False:
            raise exception.MigrationPreCheckError(
                reason="without block migration, the hosts must share their storage"
            )

    @traced("FakeDriver.pre_live_migration")
    def pre_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        source: SourceFacts,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
        numa: GuestTopology | None = None,
    ) -> DestinationFacts:
        self._fail_if_requested(instance)
        if source["has_disk"]:
            self._guests.write_disk(instance.uuid, "")
        return {"guests": str(self._guests.directory), "has_disk": source["has_disk"]}

    @traced("FakeDriver.live_migration")
    def live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        destination: DestinationFacts,
        watch: Watch,
    ) -> None:
        self._get(instance)
        has_disk = destination["has_disk"]
        self._copy(instance, watch, has_disk)
        if has_disk:
            self._copy_disk(instance, pathlib.Path(destination["guests"]))
        if requested(instance, FAIL_LIVE_MIGRATION):
            raise exception.MigrationError(
                instance_uuid=instance.uuid,
                reason=f"{FAIL_LIVE_MIGRATION} is requested",
            )
        watch.guest_left()
        self._guests.move(instance.uuid, pathlib.Path(destination["guests"]))
        self._consoles.close(instance.uuid)

    def _copy_disk(self, instance: Instance, directory: pathlib.Path) -> None:
        """Raises MigrationError if the destination has made no disk."""
        disk = self._guests.disk_path(instance.uuid)
        try:
            with open(directory / disk.name, "r+") as copy:
                copy.write(disk.read_text())
        except FileNotFoundError as exc:
            raise exception.MigrationError(
                instance_uuid=instance.uuid, reason="a host has no disk of the guest"
            ) from exc

    def _copy(self, instance: Instance, watch: Watch, has_disk: bool) -> None:
        """Take as long as the server says. Raises LiveMigrationCancelled, Preempted."""
        seconds = float(requested(instance, LIVE_MIGRATION_SECONDS) or 0)
        total = instance.flavor.memory_mb * units.Mi
        started_at = time.monotonic()
        while (waited := time.monotonic() - started_at) < seconds:
            done = int(total * waited / seconds)
            progress = {"total": total, "processed": done, "remaining": total - done}
            kinds = ("memory", "disk") if has_disk else ("memory",)
            wish = watch.report(
                **{f"{kind}_{name}": size for kind in kinds for name, size in progress.items()}
            )
            if wish == ABORT:
                raise exception.LiveMigrationCancelled(
                    instance_uuid=instance.uuid, reason="a user requested it"
                )
            if wish == FORCE_COMPLETE:
                return
            preemption.check(waited)
            time.sleep(POLL_SECONDS)

    def find_live_guest(self, instance: Instance) -> GuestPlace:
        guest = self._guests.find(instance.uuid)
        if guest is None:
            return GuestPlace.ABSENT
        return GuestPlace.OFF if guest.state == power_state.SHUTDOWN else GuestPlace.ACTIVE

    @traced("FakeDriver.post_live_migration")
    def post_live_migration(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        self._guests.remove_disk(instance.uuid)

    @traced("FakeDriver.post_live_migration_at_destination")
    def post_live_migration_at_destination(
        self, context: RequestContext, instance: Instance, network_info: NetworkInfo
    ) -> None:
        guest = self._get(instance)
        guest.numa = instance.numa_topology
        guest.log("migrated")
        self._guests.save(guest)

    @traced("FakeDriver.rollback_live_migration")
    def rollback_live_migration(self, instance: Instance) -> GuestPlace:
        return self.find_live_guest(instance)

    @traced("FakeDriver.rollback_live_migration_at_destination")
    def rollback_live_migration_at_destination(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        self._remove(instance.uuid)
