"""The client of the schedulers, for the conductors."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING

from nova_mini import exception, rpc
from nova_mini.objects.request_spec import RequestSpec
from nova_mini.objects.selection import Selection
from nova_mini.rpcapi import scheduler as rpcapi
from nova_mini.trace import include, traced

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

_RETRY_TIME = 60  # seconds for which a request is retried


class SchedulerQueryClient:
    def __init__(self) -> None:
        self._scheduler_rpcapi = rpcapi.SchedulerAPI()

    @traced("SchedulerQueryClient.select_destinations")
    def select_destinations(
        self, context: RequestContext, request_specs: list[RequestSpec], alternates: int
    ) -> list[list[Selection]]:
        """For each spec the claimed host and up to ``alternates`` other hosts.

        The request is retried when its reply is lost: the scheduler then finds its earlier claims.
        Raises NoValidHost; ActionInterrupted when no scheduler answers.
        """
        deadline = time.monotonic() + _RETRY_TIME
        while True:
            try:
                selections = self._scheduler_rpcapi.select_destinations(
                    context, request_specs, alternates
                )
                break
            except (*rpc.UNANSWERED, exception.DatabaseUnavailable) as exc:
                if time.monotonic() > deadline:
                    raise exception.ActionInterrupted(reason="no scheduler answers") from exc
                LOG.warning("Scheduler: no reply, retrying: %s", exc)
                time.sleep(0.5)
        if selections and selections[0][0].obj_attr_is_set("steps"):  # not by an older scheduler
            include(selections[0][0].steps)
        return selections
