"""Check that the host of a server knows what it is asked for."""

from __future__ import annotations

from nova_mini import exception
from nova_mini.objects.instance import Instance
from nova_mini.objects.service import Service


def host_that_knows(instance: Instance, version: int) -> str:
    """The host of the server. Raises InstanceNotReady if it is on none, and Conflict if its host
    runs a release whose ``SERVICE_VERSION`` is older than ``version``."""
    if instance.host is None:
        raise exception.InstanceNotReady(instance_id=instance.uuid)
    if Service.compute_version(instance.host) < version:
        raise exception.Conflict(
            f"The host of instance {instance.uuid} must be upgraded before it can do this."
        )
    return instance.host
