"""Move a guest that is off to another host or flavor.

In the order of the phases of a resize or cold migration. Until it is confirmed, the source keeps
what :meth:`Moves.finish_revert_migration` needs.
"""

from __future__ import annotations

import abc
import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.objects.network_model import NetworkInfo
    from nova_mini.virt.block_device_info import BlockDeviceInfo


@dataclasses.dataclass(frozen=True)
class Move:
    """What a driver knows of a move in one of its phases. ``block_device_info``: the disks of the
    server, with the volumes as they are connected to the host of this phase."""

    context: RequestContext
    instance: Instance
    migration: Migration
    block_device_info: BlockDeviceInfo

    @property
    def network_info(self) -> NetworkInfo:
        return self.instance.network_info


class Moves(abc.ABC):
    def check_destination(self, move: Move, source_pool: str | None) -> None:  # noqa: B027
        """At the destination, before anything is changed. ``source_pool``: the ``disk_pool`` of the
        source. Raises MigrationPreCheckError if the disks of the instance cannot come here."""

    @abc.abstractmethod
    def migrate_disk_and_power_off(self, move: Move, timeout: int = 0) -> None:
        """At the source: stop the guest and disconnect it from this host; its disks can be used at
        the destination then. ``timeout``: seconds that the guest has to shut down by itself.
        Idempotent. Raises MigrationPreCheckError, before the guest is stopped, if the disks cannot
        go to the destination."""

    @abc.abstractmethod
    def finish_migration(
        self,
        move: Move,
        *,
        power_on: bool,
        source_address: str | None = None,
        report: Callable[[int, int], None] | None = None,
        host_address: str | None = None,
    ) -> None:
        """At the destination: make the disks as large as the new flavor, which the instance has
        already, define the domain and start it. Idempotent.

        ``source_address``: the address of the source from which the disks are copied; None if the
        source has its disks in a pool. ``host_address``: the address of the source in any case;
        None if it is this host. ``report(total, copied)``, in bytes, is called now and then
        meanwhile.
        """

    @abc.abstractmethod
    def confirm_migration(self, move: Move) -> None:
        """At the source: remove all that was kept for a revert. Idempotent."""

    def discard_revert_copy(self, move: Move) -> None:  # noqa: B027
        """At the destination, if the source cannot confirm the move: remove what was kept for a
        revert in storage that both hosts share. The guest runs. Idempotent."""

    @abc.abstractmethod
    def undo_migration(self, move: Move) -> None:
        """At the destination: stop and remove the guest. Disks that the source uses again are kept.
        Idempotent."""

    @abc.abstractmethod
    def finish_revert_migration(self, move: Move, *, power_on: bool) -> None:
        """At the source: give the guest its disks as they were when it was stopped, define it, and
        start it with ``power_on``. Also called if it was not stopped yet. Idempotent."""
