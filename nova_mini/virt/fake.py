"""A hypervisor without guests: the whole ComputeDriver interface kept as small records.

One driver plays one host. Like a real hypervisor it remembers its guests when the compute service
dies: each has a file, written by rename, so that a killed service finds either the old state or
the new one. Nothing is fsynced; a power cut may lose a guest, as it loses a running one.

A server with the metadata ``fake:fail_spawn_on`` fails on the hosts that it names.
"""

from __future__ import annotations

import dataclasses
import io
import json
import os
import pathlib
import threading
import time

from nova_mini import exception
from nova_mini.compute import power_state, task_states
from nova_mini.conf import CONF
from nova_mini.image import glance
from nova_mini.trace import traced
from nova_mini.virt import driver

CONSOLE_BYTES = 100 * 1024
# Metadata of a server: the hosts on which it cannot be spawned, separated by spaces; * is each.
FAIL_SPAWN_ON = "fake:fail_spawn_on"


@dataclasses.dataclass
class FakeGuest:
    uuid: str
    state: int = power_state.RUNNING
    vifs: list[str] = dataclasses.field(default_factory=list)
    volumes: dict[str, str] = dataclasses.field(default_factory=dict)  # mountpoint -> volume id
    image: str | None = None  # that it was made from
    console: str = ""

    def say(self, line: str) -> None:
        self.console = (self.console + f"FAKE: {line}\n")[-CONSOLE_BYTES:]


class GuestStore:
    """The guests of one host, in memory and in a directory of JSON files named by uuid."""

    def __init__(self, directory: pathlib.Path):
        self._directory = directory
        self._lock = threading.Lock()
        directory.mkdir(parents=True, exist_ok=True)
        self._guests = {path.stem: self._read(path) for path in directory.glob("*.json")}

    @staticmethod
    def _read(path: pathlib.Path) -> FakeGuest:
        return FakeGuest(**json.loads(path.read_text()))

    def _path(self, uuid: str) -> pathlib.Path:
        return self._directory / f"{uuid}.json"

    def find(self, uuid: str) -> FakeGuest | None:
        return self._guests.get(uuid)

    def save(self, guest: FakeGuest) -> None:
        path = self._path(guest.uuid)
        temporary = path.with_suffix(f".{threading.get_ident()}")
        temporary.write_text(json.dumps(dataclasses.asdict(guest)))
        os.replace(temporary, path)
        with self._lock:
            self._guests[guest.uuid] = guest

    def remove(self, uuid: str) -> None:
        self._path(uuid).unlink(missing_ok=True)
        with self._lock:
            self._guests.pop(uuid, None)

    def all(self) -> list[FakeGuest]:
        with self._lock:
            return list(self._guests.values())


class FakeDriver(driver.ComputeDriver):
    """For scale and functional tests: never waits for Neutron, never runs out of anything."""

    capabilities = {"supports_attach_interface": True}

    def __init__(self, virtapi):
        super().__init__(virtapi)
        self._image_api = glance.API()
        self._host = ""
        self._guests: GuestStore | None = None
        self._cached: set[str] = set()

    # -- the host ----------------------------------------------------------------------------

    def init_host(self, host):
        self._host = host
        self._guests = GuestStore(pathlib.Path(CONF.state_path) / "fake" / host)

    def get_available_resource(self):
        return {
            "vcpus": CONF.fake.vcpus,
            "memory_mb": CONF.fake.memory_mb,
            "local_gb": CONF.fake.local_gb,
            "memory_mb_free_real": CONF.fake.memory_mb,
            "disk_available_least": None,
            "disk_pool": None,
            "hypervisor_type": "fake",
            "hypervisor_version": 1_000_000,
            "hypervisor_hostname": self._host,
            "cpu_info": {"arch": "x86_64", "model": "fake", "vendor": "nova-mini", "features": []},
            "supported_instances": [["x86_64", "fake", "hvm"]],
            "host_uptime": None,
        }

    def is_available(self):
        return True

    # -- what is there -----------------------------------------------------------------------

    def list_instance_uuids(self):
        return [guest.uuid for guest in self._guests.all()]

    def get_info(self, instance):
        return driver.InstanceInfo(state=self._get(instance).state)

    def get_power_states(self):
        return {guest.uuid: guest.state for guest in self._guests.all()}

    def _get(self, instance) -> FakeGuest:
        guest = self._guests.find(instance.uuid)
        if guest is None:
            raise exception.InstanceNotFound(instance_id=instance.uuid)
        return guest

    def _get_or_define(self, instance) -> FakeGuest:
        return self._guests.find(instance.uuid) or FakeGuest(instance.uuid)

    # -- lifecycle ---------------------------------------------------------------------------

    @traced
    def spawn(
        self,
        context,
        instance,
        image_meta,
        injected_files,
        admin_password,
        network_info=None,
        block_device_info=None,
        power_on=True,
        fallback_from_host=None,
    ):
        if CONF.fake.spawn_delay:
            time.sleep(CONF.fake.spawn_delay)
        self._fail_if_asked(instance)
        mappings = (block_device_info or {}).get("block_device_mapping", [])
        guest = FakeGuest(
            instance.uuid,
            state=power_state.RUNNING if power_on else power_state.SHUTDOWN,
            vifs=[vif.id for vif in network_info or []],
            volumes={bdm["mount_device"]: _volume_id(bdm["connection_info"]) for bdm in mappings},
            image=image_meta.id if image_meta else None,
        )
        guest.say(f"{instance.hostname} booted")
        self._guests.save(guest)

    def _fail_if_asked(self, instance) -> None:
        """So that users of a fake cloud can see their own code meet failures."""
        hosts = instance.metadata.get(FAIL_SPAWN_ON, "").split()
        if self._host in hosts or "*" in hosts:
            raise exception.HypervisorError(
                reason=f"the metadata {FAIL_SPAWN_ON} names {self._host}"
            )

    @traced
    def destroy(
        self, context, instance, network_info=None, block_device_info=None, destroy_disks=True
    ):
        self._guests.remove(instance.uuid)

    @traced
    def reboot(self, context, instance, network_info, reboot_type, block_device_info=None):
        self._change(self._get_or_define(instance), power_state.RUNNING, f"reboot {reboot_type}")

    @traced
    def power_off(self, instance, timeout=0, retry_interval=0):
        guest = self._guests.find(instance.uuid)
        if guest and guest.state != power_state.SHUTDOWN:
            self._change(guest, power_state.SHUTDOWN, "power off")

    @traced
    def power_on(self, context, instance, network_info, block_device_info=None):
        self._change(self._get_or_define(instance), power_state.RUNNING, "power on")

    @traced
    def pause(self, instance):
        self._change(self._get(instance), power_state.PAUSED, "pause")

    @traced
    def unpause(self, instance):
        self._change(self._get(instance), power_state.RUNNING, "unpause")

    @traced
    def suspend(self, context, instance):
        # A domain with a saved memory image is a stopped domain, here as in libvirt.
        self._change(self._get(instance), power_state.SHUTDOWN, "suspend")

    @traced
    def resume(self, context, instance, network_info, block_device_info=None):
        self._change(self._get_or_define(instance), power_state.RUNNING, "resume")

    def _change(self, guest: FakeGuest, state: int, line: str) -> None:
        guest.state = state
        guest.say(line)
        self._guests.save(guest)

    # -- parts of a server -------------------------------------------------------------------

    @traced
    def snapshot(self, context, instance, image_id, update_task_state):
        guest = self._get(instance)
        update_task_state(task_state=task_states.IMAGE_PENDING_UPLOAD)
        content = json.dumps(dataclasses.asdict(guest)).encode()
        update_task_state(
            task_state=task_states.IMAGE_UPLOADING,
            expected_state=task_states.IMAGE_PENDING_UPLOAD,
        )
        self._image_api.update(context, image_id, disk_format="raw", container_format="bare")
        self._image_api.upload(context, image_id, io.BytesIO(content))

    def attach_interface(self, context, instance, image_meta, vif):
        guest = self._get(instance)
        if vif.id not in guest.vifs:
            guest.vifs.append(vif.id)
            self._guests.save(guest)

    def detach_interface(self, context, instance, vif):
        guest = self._get(instance)
        if vif.id in guest.vifs:
            guest.vifs.remove(vif.id)
            self._guests.save(guest)

    def get_console_output(self, context, instance):
        return self._get(instance).console.encode()

    def get_volume_connector(self, instance):
        return {
            "host": self._host,
            "ip": CONF.my_ip,
            "initiator": f"iqn.2010-10.org.openstack:{self._host}",
            "multipath": False,
            "os_type": "linux",
            "platform": "x86_64",
        }

    @traced
    def attach_volume(
        self, context, connection_info, instance, mountpoint, disk_bus=None, device_type=None
    ):
        guest = self._get(instance)
        guest.volumes[mountpoint] = _volume_id(connection_info)
        self._guests.save(guest)

    @traced
    def detach_volume(self, context, connection_info, instance, mountpoint):
        guest = self._guests.find(instance.uuid)
        if guest and guest.volumes.pop(mountpoint, None):
            self._guests.save(guest)

    @traced
    def swap_volume(
        self, context, old_connection_info, new_connection_info, instance, mountpoint, *,
        is_larger, commit,
    ):  # fmt: skip
        if commit:
            commit()
        guest = self._get(instance)
        guest.volumes[mountpoint] = _volume_id(new_connection_info)
        self._guests.save(guest)

    @traced
    def give_up_swap(self, context, new_connection_info, instance, mountpoint):
        pass

    def extend_volume(self, context, connection_info, instance, mountpoint, size):
        self._get(instance).say(f"volume {_volume_id(connection_info)} has {size} GiB")

    # -- housekeeping ------------------------------------------------------------------------

    def cache_image(self, context, image_id):
        self._image_api.get(context, image_id)
        is_new = image_id not in self._cached
        self._cached.add(image_id)
        return is_new


def _volume_id(connection_info: dict) -> str:
    return connection_info.get("serial") or connection_info.get("data", {}).get("volume_id", "")
