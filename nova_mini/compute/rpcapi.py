"""The calling side of the compute services."""

from __future__ import annotations

import oslo_messaging as messaging

from nova_mini import rpc
from nova_mini.conf import CONF
from nova_mini.objects.instance_action import InstanceAction
from nova_mini.trace import traced

_SIGN_OF_LIFE = 30  # seconds in which a host that works for long must show that it is there
_LOOK_TIMEOUT = 60  # seconds for a host to look at all that it has


class ComputeAPI:
    """Casts are hints that an action waits; calls ask and wait for the answer.

    Everything goes to ``compute.<host>``. A call raises what the manager raised, or
    MessagingTimeout when the host does not answer.
    """

    def __init__(self):
        self._target = messaging.Target(topic=rpc.COMPUTE_TOPIC, version="1.0")

    def _to(self, host: str, **options):
        return rpc.get_client(self._target).prepare(server=host, **options)

    @traced
    def send(self, context, action: InstanceAction) -> None:
        """Tell ``action.host`` that an action on a server waits for it."""
        rpc.cast_hint(
            self._to(action.host),
            context,
            action.method,
            instance_uuid=action.instance_uuid,
            action_id=action.id,
        )

    @traced
    def build_and_run_instance(self, context, action: InstanceAction) -> None:
        """Cast by the conductor when the scheduler has chosen ``action.host``."""
        self.send(context, action)

    def run_action(self, context, action: InstanceAction):
        """As :meth:`send`, but wait for what the operation returns (attach_interface)."""
        return self._to(action.host, timeout=CONF.long_rpc_timeout).call(
            context, action.method, instance_uuid=action.instance_uuid, action_id=action.id
        )

    @traced
    def cache_images(self, context, host: str, image_ids: list[str]) -> dict[str, str]:
        """Image -> "cached", "existing" or "error"; takes as long as Glance does, while the host
        shows that it is alive."""
        options = {
            "timeout": CONF.long_rpc_timeout,
            "call_monitor_timeout": _SIGN_OF_LIFE,
        }
        return self._to(host, **options).call(context, "cache_images", image_ids=image_ids)

    def discard_copy(self, context, host: str, image_id: str, *, base_image_id: str) -> None:
        """As :meth:`ComputeManager.discard_copy`; called by a conductor."""
        self._to(host).call(context, "discard_copy", image_id=image_id, base_image_id=base_image_id)

    def external_instance_event(self, context, host: str, events: list[dict]) -> None:
        """``events``: name, server_uuid, status, tag, as Neutron and Cinder sent them."""
        rpc.cast_hint(self._to(host), context, "external_instance_event", events=events)

    def reserve_block_device_name(self, context, instance, action: InstanceAction, asked: dict):
        """The BlockDeviceMapping under which the host will attach a volume."""
        return self._to(action.host).call(
            context,
            "reserve_block_device_name",
            instance=instance,
            action_id=action.id,
            asked=asked,
        )

    def get_console_output(
        self, context, instance, host: str, tail_length: int | None = None
    ) -> str:
        """The last ``tail_length`` lines of the serial console (None: all that is kept)."""
        return self._to(host).call(
            context, "get_console_output", instance=instance, tail_length=tail_length
        )

    def examine(self, context, host: str) -> list[dict]:
        """What is wrong there, as ``compute.examination`` tells it."""
        return self._to(host, retry=1, timeout=_LOOK_TIMEOUT).call(context, "examine")

    def repair(self, context, host: str, kind: str, instance_uuid: str) -> None:
        options = {"timeout": CONF.long_rpc_timeout, "call_monitor_timeout": _SIGN_OF_LIFE}
        self._to(host, retry=1, **options).call(
            context, "repair", kind=kind, instance_uuid=instance_uuid
        )
