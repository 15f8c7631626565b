"""The RPC client side of the compute services."""

from __future__ import annotations

from typing import Any

import oslo_messaging as messaging
from oslo_versionedobjects import base as ovo

from nova_mini import rpc
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.objects.block_device_mapping import BlockDeviceMapping, RequestedVolume
from nova_mini.objects.console_auth_token import Connection
from nova_mini.objects.external_event import ExternalEvent
from nova_mini.objects.host_finding import HostFinding
from nova_mini.objects.instance import Instance
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.objects.service import Service
from nova_mini.trace import traced

_MONITOR_TIMEOUT = 30  # seconds without a heartbeat after which a long call fails
_AUDIT_TIMEOUT = 60  # seconds for the audit of a host
_CONSOLE_TIMEOUT = 15  # seconds for which a user waits for a console


class ComputeAPI:
    """Casts and calls to ``compute.<host>``.

    A cast may be lost, because the action in the database is resumed anyway. A call raises the
    errors of the manager, or MessagingTimeout if the host does not answer.
    """

    def __init__(self) -> None:
        self._target = messaging.Target(topic=rpc.COMPUTE_TOPIC, version="1.0")

    def _to(self, host: str, **options: Any) -> rpc.Client:
        return rpc.get_client(self._target).prepare(server=host, **options)

    @traced("ComputeAPI.send")
    def send(self, context: RequestContext, action: InstanceAction) -> None:
        """Cast an action to its host, ``action.host``."""
        rpc.cast_hint(
            self._to(action.host),
            context,
            action.method,
            instance_uuid=action.instance_uuid,
            action_id=action.id,
        )

    @traced("ComputeAPI.build_and_run_instance")
    def build_and_run_instance(self, context: RequestContext, action: InstanceAction) -> None:
        """Cast a build to the host that the scheduler has chosen. Called by the conductor."""
        self.send(context, action)

    def run_action(self, context: RequestContext, action: InstanceAction) -> Any:
        """Call the action on its host and return the result of the operation (attach_interface)."""
        return self._to(action.host, timeout=CONF.long_rpc_timeout).call(
            context, action.method, instance_uuid=action.instance_uuid, action_id=action.id
        )

    @traced("ComputeAPI.cache_images")
    def cache_images(
        self, context: RequestContext, host: str, image_ids: list[str]
    ) -> dict[str, str]:
        """Return image -> "cached", "existing" or "error".

        Waits for Glance as long as the host sends heartbeats.
        """
        options = {
            "timeout": CONF.long_rpc_timeout,
            "call_monitor_timeout": _MONITOR_TIMEOUT,
        }
        return self._to(host, **options).call(context, "cache_images", image_ids=image_ids)

    def discard_copy(
        self, context: RequestContext, host: str, image_id: str, *, base_image_id: str
    ) -> None:
        """See ``ComputeManager.discard_copy``. Called by a conductor."""
        self._to(host).call(context, "discard_copy", image_id=image_id, base_image_id=base_image_id)

    def remove_orphans(self, context: RequestContext, host: str, instance_uuid: str) -> None:
        """Cast: a server was deleted on another host, while it was moving."""
        rpc.cast_hint(self._to(host), context, "remove_orphans", instance_uuid=instance_uuid)

    def live_migration_requested(
        self, context: RequestContext, host: str, instance_uuid: str
    ) -> None:
        """Let a host read now what was requested of a live migration. The cast may be lost."""
        rpc.cast_hint(
            self._to(host), context, "live_migration_requested", instance_uuid=instance_uuid
        )

    def external_instance_event(
        self, context: RequestContext, host: str, events: list[ExternalEvent]
    ) -> None:
        """Cast ``events`` of Neutron and Cinder to a host."""
        rpc.cast_hint(self._to(host), context, "external_instance_event", events=events)

    def reserve_block_device_name(
        self,
        context: RequestContext,
        instance: Instance,
        action: InstanceAction,
        requested: RequestedVolume,
    ) -> BlockDeviceMapping:
        """Return the new BlockDeviceMapping of a volume that the host will attach."""
        return self._to(action.host).call(
            context,
            "reserve_block_device_name",
            instance=_for_version_of(action.host, instance),
            action_id=action.id,
            asked=requested,  # the name of release 0.1.0
        )

    def get_console_output(
        self, context: RequestContext, instance: Instance, host: str, tail_length: int | None = None
    ) -> str:
        """Return the last ``tail_length`` lines of the serial console (None: all stored lines)."""
        return self._to(host).call(
            context,
            "get_console_output",
            instance=_for_version_of(host, instance),
            tail_length=tail_length,
        )

    def get_vnc_console(
        self, context: RequestContext, instance: Instance, host: str, console_type: str
    ) -> Connection:
        """Return where the console is. Raises the errors of ``compute.host.consoles``."""
        return self._get_console("get_vnc_console", context, instance, host, console_type)

    def get_spice_console(
        self, context: RequestContext, instance: Instance, host: str, console_type: str
    ) -> Connection:
        return self._get_console("get_spice_console", context, instance, host, console_type)

    def get_serial_console(
        self, context: RequestContext, instance: Instance, host: str, console_type: str
    ) -> Connection:
        return self._get_console("get_serial_console", context, instance, host, console_type)

    def _get_console(
        self,
        method: str,
        context: RequestContext,
        instance: Instance,
        host: str,
        console_type: str,
    ) -> Connection:
        return self._to(host).call(context, method, instance=instance, console_type=console_type)

    def validate_console_port(
        self, context: RequestContext, host: str, instance_uuid: str, port: int, console_type: str
    ) -> bool:
        """Return whether the guest has this console at this port now. Called by the proxies."""
        return self._to(host, timeout=_CONSOLE_TIMEOUT, retry=1).call(
            context,
            "validate_console_port",
            instance_uuid=instance_uuid,
            port=port,
            console_type=console_type,
        )

    def get_diagnostics(
        self, context: RequestContext, instance: Instance, host: str
    ) -> dict[str, int]:
        return self._to(host).call(context, "get_diagnostics", instance=instance)

    def get_instance_diagnostics(
        self, context: RequestContext, instance: Instance, host: str
    ) -> dict[str, Any]:
        """Return the format of 2.48."""
        return self._to(host).call(context, "get_instance_diagnostics", instance=instance)

    def examine(self, context: RequestContext, host: str) -> list[HostFinding]:
        """Return the findings of the host's audit."""
        return self._to(host, retry=1, timeout=_AUDIT_TIMEOUT).call(context, "examine")

    def repair(self, context: RequestContext, host: str, kind: str, instance_uuid: str) -> None:
        options = {"timeout": CONF.long_rpc_timeout, "call_monitor_timeout": _MONITOR_TIMEOUT}
        self._to(host, retry=1, **options).call(
            context, "repair", kind=kind, instance_uuid=instance_uuid
        )


def _for_version_of(host: str, instance: Instance) -> Instance | dict[str, Any]:
    """Return the instance in a version that the compute of ``host`` understands."""
    if Service.compute_version(host) < 2:
        known = {**ovo.obj_tree_get_versions("Instance"), "Instance": "1.0"}
        return instance.obj_to_primitive(target_version="1.0", version_manifest=known)
    return instance
