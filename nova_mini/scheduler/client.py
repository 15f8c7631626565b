"""What the rest of the system asks the schedulers with."""

from __future__ import annotations

import logging
import time

from nova_mini import exception, rpc
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.scheduler import rpcapi
from nova_mini.trace import traced

LOG = logging.getLogger(__name__)

_PATIENCE = 60  # seconds for which a question is asked again


class SchedulerQueryClient:
    def __init__(self):
        self._scheduler_rpcapi = rpcapi.SchedulerAPI()

    @traced
    def select_destinations(
        self, context, request_specs: list[RequestSpec], alternates: int
    ) -> list[list[Selection]]:
        """For each spec its host, claimed, and up to ``alternates`` others.

        A question whose answer was lost is asked again: a claim made for it is found again.
        Raises NoValidHost; ActionInterrupted when no scheduler can answer.
        """
        deadline = time.monotonic() + _PATIENCE
        while True:
            try:
                return self._scheduler_rpcapi.select_destinations(
                    context, request_specs, alternates
                )
            except (*rpc.UNANSWERED, exception.DatabaseUnavailable) as exc:
                if time.monotonic() > deadline:
                    raise exception.ActionInterrupted(reason="no scheduler answers") from exc
                LOG.warning("Asking a scheduler again: %s", exc)
                time.sleep(0.5)
