"""A driver without a hypervisor: guests are small records.

One driver is one host. Its guests survive the compute service, as those of a real hypervisor do:
each is a file, which is replaced by rename, so that a killed service leaves either the old state or
the new one. Files are not synced to the disk.

A server with the metadata ``fake:fail_spawn_on`` fails on the hosts that it names. The guest of a
server with the metadata ``fake:deaf`` ignores requests to shut down or to release a device; a
paused guest does, too. A server with the metadata ``fake:local_disk`` has a disk on its host. See
:mod:`.live_migration` for the metadata of live migrations.
"""

from __future__ import annotations

import dataclasses
import io
import json
import pathlib
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from nova_mini import exception
from nova_mini.actions import preemption
from nova_mini.conf import CONF
from nova_mini.guest_options import implied_traits
from nova_mini.image import glance
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import power_state, task_states
from nova_mini.trace import traced
from nova_mini.virt import diagnostics, uptime
from nova_mini.virt.driver import ComputeDriver
from nova_mini.virt.driver.host_information import COMMON_TRAITS, HostResources
from nova_mini.virt.driver.power_states import InstanceInfo
from nova_mini.virt.fake import numa as fake_numa
from nova_mini.virt.fake.consoles import FakeConsoles
from nova_mini.virt.fake.guests import FakeGuest, GuestStore
from nova_mini.virt.fake.live_migration import FakeLiveMigration

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.network.model import VIF, NetworkInfo
    from nova_mini.objects.instance import Instance
    from nova_mini.objects.migration import Migration
    from nova_mini.virt.block_device_info import BlockDeviceInfo
    from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind
    from nova_mini.virt.virtapi import VirtAPI
    from nova_mini.volume.connection_info import ConnectionInfo

# Metadata of a server: the hosts on which it cannot be spawned, separated by spaces; * for all.
FAIL_SPAWN_ON = "fake:fail_spawn_on"
DEAF = "fake:deaf"
LOCAL_DISK = "fake:local_disk"
_POLL_SECONDS = 0.1


class FakeDriver(FakeLiveMigration, ComputeDriver):
    """For scale and functional tests: never waits for Neutron, never runs out of resources."""

    capabilities = {"supports_attach_interface": True}

    def __init__(self, virtapi: VirtAPI):
        super().__init__(virtapi)
        self._image_api = glance.API()
        self._host = ""
        self._guests: GuestStore  # from init_host
        self._consoles = FakeConsoles()
        self._cached: set[str] = set()

    # -- the host ----------------------------------------------------------------------------

    def init_host(self, host: str) -> None:
        self._host = host
        self._guests = GuestStore(pathlib.Path(CONF.state_path) / "fake" / host)

    def get_available_resource(self) -> HostResources:
        numa = fake_numa.of_configuration()
        return HostResources(
            vcpus=len(numa.shared),
            memory_mb=CONF.fake.memory_mb,
            local_gb=CONF.fake.local_gb,
            hypervisor_type="fake",
            hypervisor_version=1_000_000,
            hypervisor_hostname=self._host,
            cpu_info={"arch": "x86_64", "model": "fake", "vendor": "nova-mini", "features": []},
            supported_instances=[["x86_64", "fake", "hvm"]],
            traits=sorted(COMMON_TRAITS | implied_traits.ALL),
            host_uptime=uptime.of_machine(),
            numa=numa,
        )

    def is_available(self) -> bool:
        return True

    # -- state of the instances --------------------------------------------------------------

    def list_instance_uuids(self) -> list[str]:
        guests = {guest.uuid for guest in self._guests.all()}
        return sorted(guests | self._guests.disk_owners())

    def get_info(self, instance: Instance) -> InstanceInfo:
        return InstanceInfo(state=self._get(instance).state)

    def get_power_states(self) -> dict[str, int]:
        return {guest.uuid: guest.state for guest in self._guests.all()}

    def _get(self, instance) -> FakeGuest:
        guest = self._guests.find(instance.uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest

    def _remove(self, uuid: str) -> None:
        self._guests.remove(uuid)
        self._consoles.close(uuid)

    def _get_or_define(self, instance) -> FakeGuest:
        return self._guests.find(instance.uuid) or FakeGuest(instance.uuid)

    # -- lifecycle ---------------------------------------------------------------------------

    @traced("FakeDriver.spawn")
    def spawn(
        self,
        context: RequestContext,
        instance: Instance,
        image_meta: ImageMeta,
        injected_files: list[tuple[str, bytes]],
        admin_password: str | None,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        power_on: bool = True,
        fallback_from_host: str | None = None,
    ) -> None:
        if CONF.fake.spawn_delay:
            time.sleep(CONF.fake.spawn_delay)
        self._fail_if_requested(instance)
        image_id = image_meta.id if image_meta else None
        self._define(instance, image_id, network_info, block_device_info, power_on)

    def _define(
        self,
        instance: Instance,
        image_id: str | None,
        network_info: NetworkInfo | None,
        block_device_info: BlockDeviceInfo | None,
        power_on: bool,
    ) -> None:
        volumes = block_device_info.volumes if block_device_info else ()
        guest = FakeGuest(
            instance.uuid,
            state=power_state.RUNNING if power_on else power_state.SHUTDOWN,
            vifs=[vif.id for vif in network_info or []],
            volumes={disk.device_name: _volume_id(disk.connection_info) for disk in volumes},
            image=image_id,
            numa=instance.numa_topology,
        )
        guest.log(f"defined with {len(guest.vifs)} network interfaces")
        guest.log(f"volumes: {' '.join(guest.volumes) or 'none'}")
        if power_on:
            guest.log(f"{instance.hostname} booted")
        if LOCAL_DISK in instance.metadata:
            self._guests.write_disk(instance.uuid, f"data of {instance.uuid}")
        self._guests.save(guest)

    def _fail_if_requested(self, instance) -> None:
        """Lets users of a fake cloud test how their code handles failures."""
        hosts = instance.metadata.get(FAIL_SPAWN_ON, "").split()
        if self._host in hosts or "*" in hosts:
            raise exception.HypervisorError(
                reason=f"the metadata {FAIL_SPAWN_ON} names {self._host}"
            )

    @traced("FakeDriver.destroy")
    def destroy(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo | None = None,
        block_device_info: BlockDeviceInfo | None = None,
        destroy_disks: bool = True,
    ) -> None:
        self._remove(instance.uuid)

    @traced("FakeDriver.reboot")
    def reboot(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        reboot_type: str,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        if reboot_type == "SOFT":
            self._await_answer(instance, CONF.libvirt.wait_soft_reboot_seconds)
        guest = self._get_or_define(instance)
        if reboot_type == "HARD":
            guest.is_rescued = False
            guest.numa = instance.numa_topology
        self._change(guest, power_state.RUNNING, f"reboot {reboot_type}")

    @traced("FakeDriver.power_off")
    def power_off(self, instance: Instance, timeout: int = 0, retry_interval: int = 0) -> None:
        guest = self._guests.find(instance.uuid)
        if guest and guest.state != power_state.SHUTDOWN:
            self._await_answer(instance, timeout)
            self._change(guest, power_state.SHUTDOWN, "power off")

    @traced("FakeDriver.power_on")
    def power_on(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        guest = self._get_or_define(instance)
        if guest.state != power_state.RUNNING:
            guest.is_rescued = False
            guest.numa = instance.numa_topology
        self._change(guest, power_state.RUNNING, "power on")

    @traced("FakeDriver.pause")
    def pause(self, instance: Instance) -> None:
        self._change(self._get(instance), power_state.PAUSED, "pause")

    @traced("FakeDriver.unpause")
    def unpause(self, instance: Instance) -> None:
        self._change(self._get(instance), power_state.RUNNING, "unpause")

    @traced("FakeDriver.suspend")
    def suspend(self, context: RequestContext, instance: Instance) -> None:
        # As in libvirt, a domain with saved memory is shut off.
        self._change(self._get(instance), power_state.SHUTDOWN, "suspend")

    @traced("FakeDriver.resume")
    def resume(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        self._change(self._get_or_define(instance), power_state.RUNNING, "resume")

    def _change(self, guest: FakeGuest, state: int, line: str) -> None:
        guest.state = state
        guest.log(line)
        self._guests.save(guest)
        if state == power_state.SHUTDOWN:
            self._consoles.close(guest.uuid)

    def _await_answer(self, instance, seconds: float) -> bool:
        """Whether the guest answers within ``seconds``. Raises Preempted."""
        started_at = time.monotonic()
        while not self._answers(instance):
            waited = time.monotonic() - started_at
            if waited >= seconds:
                return False
            preemption.check(waited)
            time.sleep(_POLL_SECONDS)
        return True

    def _answers(self, instance) -> bool:
        """Whether the guest reacts to requests. A guest that is off needs no request: True."""
        guest = self._guests.find(instance.uuid)
        if guest is None or guest.state == power_state.SHUTDOWN:
            return True
        return guest.state == power_state.RUNNING and DEAF not in instance.metadata

    # -- move to another host or flavor --------------------------------------------------------

    @traced("FakeDriver.migrate_disk_and_power_off")
    def migrate_disk_and_power_off(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        timeout: int = 0,
    ) -> None:
        self.power_off(instance, timeout)

    @traced("FakeDriver.finish_migration")
    def finish_migration(
        self,
        context: RequestContext,
        instance: Instance,
        migration: Migration,
        image_meta: ImageMeta,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        *,
        power_on: bool,
        source_address: str | None = None,
        report: Callable[[int, int], None] | None = None,
    ) -> None:
        self._fail_if_requested(instance)
        self._define(instance, image_meta.id, network_info, block_device_info, power_on)

    @traced("FakeDriver.confirm_migration")
    def confirm_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        if not migration.is_same_host:
            self._remove(instance.uuid)

    @traced("FakeDriver.undo_migration")
    def undo_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
    ) -> None:
        if migration.is_same_host:
            self.power_off(instance)
        else:
            self._remove(instance.uuid)

    @traced("FakeDriver.finish_revert_migration")
    def finish_revert_migration(
        self,
        context: RequestContext,
        migration: Migration,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo | None = None,
        *,
        power_on: bool,
    ) -> None:
        image_id = ImageMeta.from_instance(instance).id
        self._define(instance, image_id, network_info, block_device_info, power_on)

    # -- rescue ------------------------------------------------------------------------------

    @traced("FakeDriver.rescue")
    def rescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        rescue_image: ImageMeta,
        admin_password: str | None,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        guest = self._get_or_define(instance)
        guest.rescue_image, guest.is_rescued = rescue_image.id, True
        self._change(guest, power_state.RUNNING, "rescue")

    @traced("FakeDriver.unrescue")
    def unrescue(
        self,
        context: RequestContext,
        instance: Instance,
        network_info: NetworkInfo,
        block_device_info: BlockDeviceInfo,
    ) -> None:
        guest = self._get_or_define(instance)
        guest.is_rescued = False
        self._change(guest, power_state.RUNNING, "unrescue")
        self.remove_rescue_disks(instance)

    @traced("FakeDriver.remove_rescue_disks")
    def remove_rescue_disks(self, instance: Instance) -> None:
        guest = self._guests.find(instance.uuid)
        if guest and guest.rescue_image:
            guest.rescue_image, guest.is_rescued = None, False
            self._guests.save(guest)

    def list_unused_rescue_disks(self) -> set[str]:
        return {
            guest.uuid
            for guest in self._guests.all()
            if guest.rescue_image and not guest.is_rescued
        }

    # -- parts of a server -------------------------------------------------------------------

    @traced("FakeDriver.snapshot")
    def snapshot(
        self,
        context: RequestContext,
        instance: Instance,
        image_id: str,
        update_task_state: Callable[..., None],
    ) -> None:
        guest = self._get(instance)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        content = json.dumps(dataclasses.asdict(guest)).encode()
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        self._image_api.update(context, image_id, disk_format="raw", container_format="bare")
        self._image_api.upload(context, image_id, io.BytesIO(content))

    def attach_interface(
        self, context: RequestContext, instance: Instance, image_meta: ImageMeta, vif: VIF
    ) -> None:
        guest = self._get(instance)
        if vif.id not in guest.vifs:
            guest.vifs.append(vif.id)
            self._guests.save(guest)

    @traced("FakeDriver.detach_interface")
    def detach_interface(self, context: RequestContext, instance: Instance, vif: VIF) -> None:
        guest = self._guests.find(instance.uuid)
        if guest is None or vif.id not in guest.vifs:
            return
        if not self._await_answer(instance, _detach_seconds()):
            raise exception.InterfaceDetachFailed(instance_uuid=instance.uuid)
        guest.vifs.remove(vif.id)
        self._guests.save(guest)

    def get_console_output(self, context: RequestContext, instance: Instance) -> bytes:
        return self._get(instance).console.encode()

    def get_console(self, instance_uuid: str, kind: ConsoleKind) -> ConsoleAddress:
        guest = self._guests.find(instance_uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance_uuid)
        if guest.state != power_state.RUNNING:
            raise exception.ConsoleTypeUnavailable(console_type=kind.value)
        return self._consoles.address(
            instance_uuid,
            kind,
            lambda: self._console_of(instance_uuid),
            lambda line: self._log(instance_uuid, line),
        )

    def _console_of(self, uuid: str) -> str:
        guest = self._guests.find(uuid)
        return guest.console if guest else ""

    def _log(self, uuid: str, line: str) -> None:
        if guest := self._guests.find(uuid):
            guest.log(line)
            self._guests.save(guest)

    def get_diagnostics(self, instance: Instance) -> dict[str, int]:
        self._get(instance)
        return {"memory": instance.memory_mb * 1024}  # KiB, as libvirt

    def get_instance_diagnostics(self, instance: Instance) -> diagnostics.Diagnostics:
        """A record has no counters: they are not known."""
        guest = self._get(instance)
        addresses = {vif.id: vif.address for vif in instance.network_info}
        return diagnostics.Diagnostics(
            state=power_state.STATE_MAP[guest.state],
            # Nova's API has names of drivers to choose from, and none for a driver without a
            # hypervisor. Its own fake driver uses this one, too.
            driver="libvirt",
            hypervisor="fake",
            hypervisor_os=sys.platform,
            uptime=diagnostics.uptime_of(instance),
            config_drive=bool(instance.config_drive),
            memory=diagnostics.Memory(instance.memory_mb),
            cpus=tuple(diagnostics.Cpu(number) for number in range(instance.vcpus)),
            disks=(diagnostics.Disk(),) * (bool(guest.image) + len(guest.volumes)),
            nics=tuple(diagnostics.Nic(addresses.get(vif_id)) for vif_id in guest.vifs),
        )

    def set_admin_password(self, instance: Instance, image_meta: ImageMeta, password: str) -> None:
        if not self._answers(instance):
            raise exception.GuestAgentUnresponsive()
        guest = self._get(instance)
        guest.log("the password of the administrator was changed")
        self._guests.save(guest)

    @traced("FakeDriver.trigger_crash_dump")
    def trigger_crash_dump(self, instance: Instance) -> None:
        guest = self._get(instance)
        if guest.state == power_state.SHUTDOWN:
            raise exception.InstanceInvalidState(
                method="trigger_crash_dump",
                instance_uuid=instance.uuid,
                attr="power state",
                state=power_state.STATE_MAP[guest.state],
            )
        guest.log("non-maskable interrupt")
        self._guests.save(guest)

    def get_volume_connector(self, instance: Instance) -> dict[str, Any]:
        return {
            "host": self._host,
            "ip": CONF.my_ip,
            "initiator": f"iqn.2010-10.org.openstack:{self._host}",
            "multipath": False,
            "os_type": "linux",
            "platform": "x86_64",
        }

    @traced("FakeDriver.attach_volume")
    def attach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        disk_bus: str | None = None,
        device_type: str | None = None,
    ) -> None:
        guest = self._get(instance)
        guest.volumes[mountpoint] = _volume_id(connection_info)
        self._guests.save(guest)

    @traced("FakeDriver.detach_volume")
    def detach_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        guest = self._guests.find(instance.uuid)
        if guest is None or mountpoint not in guest.volumes:
            return
        if not self._await_answer(instance, _detach_seconds()):
            raise exception.DeviceDetachFailed(
                device=mountpoint, reason="the guest does not release it"
            )
        del guest.volumes[mountpoint]
        self._guests.save(guest)

    @traced("FakeDriver.swap_volume")
    def swap_volume(
        self,
        context: RequestContext,
        old_connection_info: ConnectionInfo | None,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        *,
        is_larger: bool,
        commit: Callable[[], None] | None,
    ) -> None:
        if commit:
            commit()
        guest = self._get(instance)
        guest.volumes[mountpoint] = _volume_id(new_connection_info)
        self._guests.save(guest)

    @traced("FakeDriver.give_up_swap")
    def undo_swap_volume(
        self,
        context: RequestContext,
        new_connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
    ) -> None:
        pass

    def extend_volume(
        self,
        context: RequestContext,
        connection_info: ConnectionInfo,
        instance: Instance,
        mountpoint: str,
        size: int,
    ) -> None:
        self._get(instance).log(f"volume {_volume_id(connection_info)} has {size} GiB")

    # -- housekeeping ------------------------------------------------------------------------

    @traced("FakeDriver.cache_image")
    def cache_image(self, context: RequestContext, image_id: str, max_size: int = 0) -> bool:
        self._image_api.get(context, image_id)
        is_new = image_id not in self._cached
        self._cached.add(image_id)
        return is_new


def _volume_id(connection_info: ConnectionInfo) -> str:
    return connection_info.get("serial") or connection_info.get("data", {}).get("volume_id", "")


def _detach_seconds() -> float:
    return CONF.libvirt.device_detach_attempts * CONF.libvirt.device_detach_timeout
