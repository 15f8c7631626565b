"""Build a server on this host: claim, networks, disks, domain."""

from __future__ import annotations

import base64
import logging
from concurrent import futures
from contextlib import ExitStack

from nova_mini import exception
from nova_mini.compute import task_states, vm_states, volumes
from nova_mini.compute.operation import LOST, block_device_mappings, will_be_tried_again
from nova_mini.network.model import requests_from_primitive
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.base import utcnow
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.trace import in_thread, traced
from nova_mini.virt import block_device as driver_block_device

LOG = logging.getLogger(__name__)

# What another host would not do better.
_ABORT = (
    exception.BuildAbortException,
    exception.Invalid,  # among them: unacceptable images, disks too small, no more addresses
    exception.Forbidden,
    exception.ImageNotFound,
    exception.NetworkNotFound,
    exception.PortNotFound,
    exception.PortInUse,
    exception.SecurityGroupNotFound,
    exception.SnapshotNotFound,
    exception.VirtualInterfaceCreateException,
    exception.VolumeNotFound,
)


class InstanceBuild:
    """One server's build by one ``ComputeManager``; made for one attempt.

    What is done is remembered in ``undo`` with how to take it back: a build that fails for good
    leaves nothing. A build that is only interrupted takes nothing back: the next attempt finds what
    is there and goes on with it.
    """

    def __init__(self, manager, context, instance, admin_password, injected_files,
                 requested_networks, security_groups, fallback_from_host):  # fmt: skip
        self._manager = manager
        self._driver = manager.driver
        self._context = context
        self._instance = instance
        self._admin_password = admin_password
        self._injected_files = [
            (path, base64.b64decode(content)) for path, content in injected_files or []
        ]
        self._requested_networks = requests_from_primitive(requested_networks)
        self._security_groups = security_groups
        self._fallback_from_host = fallback_from_host
        self._image_meta = ImageMeta.from_instance(instance)
        self._undo = ExitStack()

    @traced
    def _do_build_and_run_instance(self) -> None:
        """Ends with the server ACTIVE (saved with the end of the action), or raises.

        Raises RescheduledException when another host may do better, BuildAbortException when none
        would; both leave nothing on this host.
        """
        self._notify("create.start")
        try:
            self._build_and_run_instance()
        except LOST:
            raise
        except Exception as exc:
            if will_be_tried_again(exc):
                raise
            self._fail(exc)
        self._undo.pop_all()
        self._finish()

    @traced
    def _build_and_run_instance(self) -> None:
        instance = self._instance
        instance.vm_state = vm_states.BUILDING
        with self._manager.rt.instance_claim(self._context, instance):
            network_info, block_device_info = self._build_resources()
            instance.network_info = network_info
            instance.task_state = task_states.SPAWNING
            instance.save()
            self._undo.callback(
                self._driver.destroy, self._context, instance, network_info, block_device_info
            )
            self._driver.spawn(
                self._context,
                instance,
                self._image_meta,
                self._injected_files,
                self._admin_password,
                network_info=network_info,
                block_device_info=block_device_info,
                fallback_from_host=self._fallback_from_host,
            )

    @traced
    def _build_resources(self):
        """The ports, asked for in another thread while the disks are prepared."""
        with futures.ThreadPoolExecutor(max_workers=1) as pool:
            allocating = pool.submit(in_thread(self._allocate_network))
            try:
                block_device_info = self._prep_block_device()
            finally:
                # The ports are ours to give back even when the disks failed.
                network_info = allocating.result()
        return network_info, block_device_info

    @traced
    def _allocate_network(self):
        self._undo.callback(
            self._manager.network_api.deallocate_for_instance, self._context, self._instance
        )
        return self._manager.network_api.allocate_for_instance(
            self._context,
            self._instance,
            self._requested_networks,
            security_groups=self._security_groups,
            bind_host_id=self._manager.host,
        )

    @traced
    def _prep_block_device(self) -> dict:
        context, instance = self._context, self._instance
        bdms = block_device_mappings()
        if any(bdm.is_volume for bdm in bdms):
            volumes.name_block_devices(self._manager, context, instance, bdms)
            self._undo.callback(volumes.release_volumes, self._manager, context, instance, bdms)
            driver_block_device.attach_block_devices(
                context, instance, bdms, self._manager.volume_api, self._driver
            )
        return driver_block_device.get_block_device_info(instance, bdms)

    # -- ends --------------------------------------------------------------------------------

    @traced
    def _finish(self) -> None:
        instance = self._instance
        instance.power_state = self._driver.get_info(instance).state
        instance.vm_state = vm_states.ACTIVE
        instance.task_state = None
        instance.launched_at = utcnow()
        self._manager.build_succeeded()
        self._notify("create.end", network_info=instance.network_info)

    def _fail(self, exc: Exception) -> None:
        """Take everything back; then the verdict: another host, or ERROR."""
        instance = self._instance
        LOG.warning(
            "Build of instance %s failed: %s", instance.uuid, exc,
            exc_info=not isinstance(exc, exception.NovaException),
        )  # fmt: skip
        self._take_back()
        instance.host = instance.node = instance.launched_on = None
        self._manager.build_failed()
        if isinstance(exc, _ABORT):
            instance.vm_state = vm_states.ERROR
            instance.release_allocation()
            self._notify("create.error", fault=exc)
            raise exc
        instance.task_state = task_states.SCHEDULING
        raise exception.RescheduledException(instance_uuid=instance.uuid, reason=str(exc)) from exc

    def _take_back(self) -> None:
        """Undo in reverse. What cannot be undone now is the host's to sweep: its rounds find it."""
        try:
            self._undo.close()
        except Exception:
            LOG.exception("Not all of instance %s could be taken back", self._instance.uuid)

    def _notify(self, event: str, **details) -> None:
        notify_about_instance_usage(self._context, self._instance, event, **details)
