"""Start a server from a rescue disk, to repair its own root disk; and back."""

from __future__ import annotations

from nova_mini.actions.parameters import RescueParameters
from nova_mini.clock import utcnow
from nova_mini.compute.host.host_services import HostOperation
from nova_mini.compute.operations import power
from nova_mini.conf import CONF
from nova_mini.objects.image_meta import ImageMeta
from nova_mini.states import vm_states
from nova_mini.trace import traced


@traced("rescue")
def rescue(op: HostOperation, parameters: RescueParameters) -> None:
    """Stop the guest and start it from a rescue disk.

    Until the guest is stopped, a failure leaves the server as it was. Repeated after a crash, the
    rescue disk is made again. Volumes that were requested before are attached or detached first:
    while the server is rescued, its disks do not change.
    """
    op.await_earlier_actions()
    image = ImageMeta.from_system_metadata(parameters.image)
    details = {"rescue_image_name": parameters.image_name or ""}
    image_ref = {"rescue_image_ref": parameters.image_ref}
    op.notify("rescue.start", extra=details, versioned_fields=image_ref)
    _check_external_services(op, parameters)
    with op.error_on_failure(), op.compensate(lambda: _remove_rescue(op)):
        _start_rescue(op, image, parameters.admin_password)
    op.instance.power_state = op.host.driver.get_info(op.instance).state
    op.instance.vm_state = vm_states.RESCUED
    op.instance.task_state = None
    op.instance.launched_at = utcnow()
    op.notify("rescue.end", extra=details, versioned_fields=image_ref)


@traced("_check_for_rescue")
def _check_external_services(op: HostOperation, parameters: RescueParameters) -> None:
    """Call Cinder, Neutron and Glance, which may refuse, before the guest is stopped."""
    power.get_block_device_info(op)
    op.host.network_api.get_instance_nw_info(op.context, op.instance)
    op.host.driver.cache_image(op.context, parameters.image_ref, parameters.max_disk_size)


@traced("_start_rescue")
def _start_rescue(op: HostOperation, image: ImageMeta, admin_password: str | None) -> None:
    block_device_info = power.get_block_device_info(op)
    with power.current_interfaces(op) as network_info:
        op.host.driver.power_off(op.instance, CONF.shutdown_timeout, 10)
        op.host.driver.rescue(
            op.context, op.instance, network_info, image, admin_password, block_device_info
        )


def _remove_rescue(op: HostOperation) -> None:
    op.host.driver.power_off(op.instance)
    op.host.driver.remove_rescue_disks(op.instance)


@traced("unrescue")
def unrescue(op: HostOperation) -> None:
    """Start the guest from its own root disk, and remove the rescue disk. Idempotent."""
    op.notify("unrescue.start")
    with op.error_on_failure(), power.current_interfaces(op) as network_info:
        op.host.driver.unrescue(
            op.context, op.instance, network_info, power.get_block_device_info(op)
        )
    op.instance.power_state = op.host.driver.get_info(op.instance).state
    op.instance.vm_state = vm_states.ACTIVE
    op.instance.task_state = None
    op.notify("unrescue.end")
