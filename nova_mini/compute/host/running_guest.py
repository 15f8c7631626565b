"""Check that a guest runs, before a request that only a running guest can answer."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.objects.instance import Instance
from nova_mini.states import power_state
from nova_mini.virt.driver import ComputeDriver


def check(driver: ComputeDriver, instance: Instance, request: str) -> None:
    """Raises InstanceInvalidState with the hypervisor's power state unless the guest runs."""
    try:
        found = driver.get_info(instance).state
    except exception.InstanceNotFound:  # the server has no guest here, for example in ERROR
        found = power_state.NOSTATE
    if found != power_state.RUNNING:
        raise exception.InstanceInvalidState(
            method=request,
            instance_uuid=instance.uuid,
            attr="power state",
            state=power_state.STATE_MAP[found],
        )
