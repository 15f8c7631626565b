"""The interface between the compute manager and a hypervisor, a module for each subject.

A driver keeps no state of the cloud: it never reads the database and never calls another service of
nova_mini. Methods that change something are idempotent, since they are called again after a crash:
they look first whether a domain or a disk exists, and use it.

``block_device_info`` of a method: the disks of the server; None: those of its flavor, and no
volumes. ``network_info``: its network interfaces.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oslo_utils import importutils

from nova_mini import exception
from nova_mini.virt.driver.creation import Creation
from nova_mini.virt.driver.guest_access import GuestAccess
from nova_mini.virt.driver.host_information import HostInformation
from nova_mini.virt.driver.images import Images
from nova_mini.virt.driver.interfaces import Interfaces
from nova_mini.virt.driver.live_migration import LiveMigration
from nova_mini.virt.driver.moves import Moves
from nova_mini.virt.driver.power import Power
from nova_mini.virt.driver.power_states import PowerStates
from nova_mini.virt.driver.rescue import Rescue
from nova_mini.virt.driver.shared_disks import SharedDisks
from nova_mini.virt.driver.volumes import Volumes

if TYPE_CHECKING:
    from nova_mini.virt.virtapi import VirtAPI


class ComputeDriver(
    HostInformation,
    PowerStates,
    Creation,
    Power,
    Rescue,
    Moves,
    LiveMigration,
    Images,
    Interfaces,
    Volumes,
    GuestAccess,
    SharedDisks,
):
    """All methods of a driver."""

    capabilities: dict[str, bool] = {}

    def __init__(self, virtapi: VirtAPI):
        self.virtapi = virtapi


def load_compute_driver(virtapi: VirtAPI, name: str) -> ComputeDriver:
    """Make the driver that ``[DEFAULT] compute_driver`` names, e.g. ``libvirt.LibvirtDriver`` or
    ``fake.FakeDriver``. Raises ConfigurationError."""
    try:
        return importutils.import_object(f"nova_mini.virt.{name}", virtapi)
    except ImportError as exc:
        raise exception.ConfigurationError(f"cannot load compute_driver {name!r}: {exc}") from exc
