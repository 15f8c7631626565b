"""A driver without a hypervisor: guests are small records.

One driver is one host. Its guests survive the compute service, as those of a real hypervisor do:
each is a file, which is replaced by rename, so that a killed service leaves either the old state or
the new one. Files are not synced to the disk.

The subjects of the driver are modules, as in :mod:`nova_mini.virt.driver`. It has faults
on request: see :mod:`.metadata`.
"""

from __future__ import annotations

import pathlib
from typing import TYPE_CHECKING

from nova_mini.conf import CONF
from nova_mini.guest_options import implied_traits
from nova_mini.image import glance
from nova_mini.virt import uptime
from nova_mini.virt.driver import ComputeDriver
from nova_mini.virt.driver.host_information import COMMON_TRAITS, HostResources
from nova_mini.virt.driver.power_states import InstanceInfo
from nova_mini.virt.fake import numa
from nova_mini.virt.fake.consoles import FakeConsoles
from nova_mini.virt.fake.guest_access import FakeGuestAccess
from nova_mini.virt.fake.guests import GuestStore
from nova_mini.virt.fake.images import FakeImages
from nova_mini.virt.fake.interfaces import FakeInterfaces
from nova_mini.virt.fake.live_migration import FakeLiveMigration
from nova_mini.virt.fake.moves import FakeMoves
from nova_mini.virt.fake.rescue import FakeRescue
from nova_mini.virt.fake.volumes import FakeVolumes

if TYPE_CHECKING:
    from nova_mini.objects.instance import Instance
    from nova_mini.virt.virtapi import VirtAPI


class FakeDriver(
    FakeMoves,  # with the creation and the power that a move consists of
    FakeRescue,
    FakeLiveMigration,
    FakeImages,
    FakeInterfaces,
    FakeVolumes,
    FakeGuestAccess,
    ComputeDriver,
):
    """For scale and functional tests: never waits for Neutron, never runs out of resources."""

    capabilities = {"supports_attach_interface": True}

    def __init__(self, virtapi: VirtAPI):
        super().__init__(virtapi)
        self._image_api = glance.API()
        self._host = ""
        self._guests: GuestStore  # from init_host
        self._consoles = FakeConsoles()
        self._cached: set[str] = set()

    def init_host(self, host: str) -> None:
        self._host = host
        self._guests = GuestStore(pathlib.Path(CONF.state_path) / "fake" / host)

    def get_available_resource(self) -> HostResources:
        topology = numa.of_configuration()
        return HostResources(
            vcpus=len(topology.shared),
            memory_mb=CONF.fake.memory_mb,
            local_gb=CONF.fake.local_gb,
            hypervisor_type="fake",
            hypervisor_version=1_000_000,
            hypervisor_hostname=self._host,
            cpu_info={"arch": "x86_64", "model": "fake", "vendor": "nova-mini", "features": []},
            supported_instances=[["x86_64", "fake", "hvm"]],
            traits=sorted(_traits()),
            host_uptime=uptime.of_machine(),
            numa=topology,
        )

    def is_available(self) -> bool:
        return True

    def list_instance_uuids(self) -> list[str]:
        guests = {guest.uuid for guest in self._guests.all()}
        return sorted(guests | self._guests.disk_owners())

    def get_info(self, instance: Instance) -> InstanceInfo:
        return InstanceInfo(state=self._get(instance).state)

    def get_power_states(self) -> dict[str, int]:
        return {guest.uuid: guest.state for guest in self._guests.all()}


def _traits() -> frozenset[str]:
    """All hardware; a virtual TPM only in a cloud that can keep its passphrase."""
    found = COMMON_TRAITS | implied_traits.ALL
    return found if CONF.key_manager.backend else found - implied_traits.OF_TPMS
