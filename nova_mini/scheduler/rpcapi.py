"""The calling side of the schedulers."""

from __future__ import annotations

import oslo_messaging as messaging

from nova_mini import rpc
from nova_mini.trace import traced

# A scheduler at work gives signs of life, so that one that was killed is not waited for.
_CALL_TIMEOUT = 60
_SILENCE = 4


class SchedulerAPI:
    def __init__(self):
        self._target = messaging.Target(topic=rpc.SCHEDULER_TOPIC, version="1.0")

    @traced
    def select_destinations(self, context, request_specs, alternates):
        """See ``SchedulerManager.select_destinations``; raises MessagingTimeout too."""
        return (
            rpc.get_client(self._target)
            .prepare(timeout=_CALL_TIMEOUT, call_monitor_timeout=_SILENCE)
            .call(
                context,
                "select_destinations",
                request_specs=request_specs,
                alternates=alternates,
            )
        )
