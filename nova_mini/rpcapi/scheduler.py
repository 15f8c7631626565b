"""The RPC client side of the schedulers."""

from __future__ import annotations

import oslo_messaging as messaging

from nova_mini import rpc
from nova_mini.context import RequestContext
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.trace import traced

_CALL_TIMEOUT = 60
# A scheduler sends heartbeats during a call: one that was killed is detected after so many seconds.
_MONITOR_TIMEOUT = 4


class SchedulerAPI:
    def __init__(self) -> None:
        self._target = messaging.Target(topic=rpc.SCHEDULER_TOPIC, version="1.0")

    @traced("SchedulerAPI.select_destinations")
    def select_destinations(
        self, context: RequestContext, request_specs: list[RequestSpec], alternates: int
    ) -> list[list[Selection]]:
        """See ``SchedulerManager.select_destinations``. Also raises MessagingTimeout."""
        return (
            rpc.get_client(self._target)
            .prepare(timeout=_CALL_TIMEOUT, call_monitor_timeout=_MONITOR_TIMEOUT)
            .call(
                context,
                "select_destinations",
                request_specs=request_specs,
                alternates=alternates,
            )
        )
