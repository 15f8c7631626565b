"""Evacuate servers from a host that is down."""

from __future__ import annotations

from nova_mini.actions import evacuations
from nova_mini.compute.api.base import Base
from nova_mini.compute.requests import evacuate_request, vtpm_checks
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance
from nova_mini.states import state_checks


class Evacuation(Base):
    def evacuate(
        self,
        context: RequestContext,
        instance: Instance,
        request: evacuate_request.EvacuateRequest,
    ) -> None:
        """Start the server on another host. Ends its other actions.

        Raises OperationNotSupportedForVTPM, and the errors of ``evacuate_request.check``.
        """
        state_checks.check(context, instance, "evacuate")
        vtpm_checks.refuse(instance, "evacuate")
        evacuate_request.check(context, instance, request)
        self._send(context, evacuations.begin(context, instance, request.parameters()))
