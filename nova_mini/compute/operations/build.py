"""Build a server on this host: claim, networks, disks, domain."""

from __future__ import annotations

import base64
import logging
from concurrent import futures
from contextlib import ExitStack

from nova_mini import disclosure, exception
from nova_mini.actions.parameters import BuildParameters
from nova_mini.clock import utcnow
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import attached_volumes
from nova_mini.external import vtpm_key
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.objects.network_model import requests_from_primitive
from nova_mini.states import task_states, vm_states
from nova_mini.trace import in_thread, traced
from nova_mini.virt import block_device as driver_block_device
from nova_mini.virt.block_device_info import BlockDeviceInfo

LOG = logging.getLogger(__name__)

# Errors of the request: it would fail on every host, and this host is not at fault.
REQUEST_FAILED = (
    exception.BuildAbortException,
    exception.Invalid,  # for example unacceptable images, disks too small, no more addresses
    exception.DevicePathInUse,
    exception.Forbidden,
    exception.ImageNotFound,
    exception.KeyNotStored,
    exception.NetworkAmbiguous,
    exception.NetworkNotFound,
    exception.NeutronRequestRefused,
    exception.PortInUse,
    exception.PortNotFound,
    exception.PortNotUsable,
    exception.SecurityGroupAmbiguous,
    exception.SecurityGroupNotFound,
    exception.SnapshotNotFound,
    exception.VolumeNotFound,
)
# Errors of this host or its Neutron agent that end the build: the ports stay bound to this host.
_HOST_FAILED = (exception.VirtualInterfaceCreateException,)


class InstanceBuild:
    """The build of one server, for one attempt.

    Each step registers how to undo it: a build with a final error leaves nothing on the host. A
    build that is only interrupted undoes nothing: the next attempt continues with what it finds.
    """

    def __init__(self, op: HostOperation, parameters: BuildParameters):
        self._op = op
        self._host = op.host
        self._driver = op.host.driver
        self._context = op.context
        self._instance = op.instance
        self._parameters = parameters
        self._injected_files = [
            (path, base64.b64decode(content)) for path, content in parameters.injected_files or []
        ]
        # This host may have a copy of an image that was deleted in Glance since.
        self._fallback_from_host = parameters.tried[-1] if parameters.tried else None
        self._image_meta = ImageMeta.from_instance(op.instance)
        self._undo = ExitStack()

    @traced("InstanceBuild._do_build_and_run_instance")
    def _do_build_and_run_instance(self) -> None:
        """Build the server. It is ACTIVE then, which is saved when the action ends.

        Raises RescheduledException if another host may succeed, and otherwise the error that ends
        the build; in both cases nothing is left on this host.
        """
        self._op.notify("create.start")
        try:
            self._build_and_run_instance()
        except Exception as exc:
            if not self._op.is_final(exc):
                raise
            self._fail(exc)
        self._undo.pop_all()
        self._finish()

    @traced("InstanceBuild._build_and_run_instance")
    def _build_and_run_instance(self) -> None:
        instance = self._instance
        instance.vm_state = vm_states.BUILDING
        with self._host.rt.instance_claim(self._context, instance):
            vtpm_key.ensure(self._host.passphrases, self._context, instance)
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
                self._parameters.admin_password,
                network_info=network_info,
                block_device_info=block_device_info,
                fallback_from_host=self._fallback_from_host,
            )

    @traced("InstanceBuild._build_resources")
    def _build_resources(self):
        """Allocate the ports in another thread while the disks are prepared."""
        with futures.ThreadPoolExecutor(max_workers=1) as pool:
            allocating = pool.submit(in_thread(self._allocate_network))
            try:
                block_device_info = self._prep_block_device()
            finally:
                # Even if the disks failed: the undo must see all ports.
                network_info = allocating.result()
        return network_info, block_device_info

    @traced("InstanceBuild._allocate_network")
    def _allocate_network(self):
        self._undo.callback(
            self._host.network_api.deallocate_for_instance, self._context, self._instance
        )
        return self._host.network_api.allocate_for_instance(
            self._context,
            self._instance,
            requests_from_primitive(self._parameters.requested_networks),
            security_groups=list(self._parameters.security_groups),
            bind_host_id=self._host.name,
        )

    @traced("InstanceBuild._prep_block_device")
    def _prep_block_device(self) -> BlockDeviceInfo:
        op = self._op
        bdms = op.block_device_mappings
        if any(bdm.is_volume for bdm in bdms):
            attached_volumes.name_block_devices(op, bdms)
            self._undo.callback(attached_volumes.release_volumes, op, bdms)
            attached_volumes.connect_all(op, bdms)
        return driver_block_device.get_block_device_info(bdms)

    # -- ends --------------------------------------------------------------------------------

    @traced("InstanceBuild._finish")
    def _finish(self) -> None:
        instance = self._instance
        instance.power_state = self._driver.get_info(instance).state
        instance.vm_state = vm_states.ACTIVE
        instance.task_state = None
        instance.launched_at = utcnow()
        self._host.build_succeeded()
        self._op.notify("create.end", network_info=instance.network_info)

    def _fail(self, exc: Exception) -> None:
        """Undo all steps and raise: the conductor tries another host, or the server is in ERROR."""
        instance = self._instance
        message = disclosure.message_for_operator(exc)
        LOG.warning(
            "Instance %s: build failed: %s",
            instance.uuid,
            message,
            exc_info=not isinstance(exc, exception.NovaException),
        )
        self._roll_back()
        instance.host = instance.node = instance.launched_on = instance.numa_topology = None
        if not isinstance(exc, REQUEST_FAILED):
            self._host.build_failed()
        if isinstance(exc, (*REQUEST_FAILED, *_HOST_FAILED)):
            instance.vm_state = vm_states.ERROR
            instance.release_allocation()
            self._op.notify("create.error", fault=exc)
            raise exc
        instance.task_state = task_states.SCHEDULING
        raise exception.RescheduledException(instance_uuid=instance.uuid, internal=message) from exc

    def _roll_back(self) -> None:
        """Undo the steps in reverse order. The host's periodic tasks remove what is left."""
        try:
            self._undo.close()
        except Exception:
            LOG.exception(
                "Instance %s: not all steps of the build could be undone", self._instance.uuid
            )
