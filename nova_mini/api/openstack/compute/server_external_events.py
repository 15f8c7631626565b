"""``/os-server-external-events``: events that Neutron and Cinder send about servers."""

from __future__ import annotations

from typing import Any

from nova_mini import policy
from nova_mini.api import validation
from nova_mini.api.openstack import wsgi
from nova_mini.api.openstack.compute.schemas import server_external_events as schema
from nova_mini.api.openstack.request import Request
from nova_mini.compute.requests import external_events
from nova_mini.policies import server_external_events as events_policy

_STATUS = {200: None, 400: "failed", 404: "failed", 422: "failed"}


class ServerExternalEventsController(wsgi.Controller):
    @validation.schema(schema.create, "2.1", "2.50")
    @validation.schema(schema.create_v251, "2.51", "2.75")
    @validation.schema(schema.create_v276, "2.76", "2.81")
    @validation.schema(schema.create_v282, "2.82", "2.92")
    @validation.schema(schema.create_v293, "2.93")
    def create(self, req: Request, body: dict) -> wsgi.ResponseObject:
        """200 if all events were sent to their hosts, else 207 with a code for each event."""
        policy.authorize(req.context, events_policy.CREATE)
        events: list[Any] = [{"status": "completed", **event} for event in body["events"]]
        codes = external_events.dispatch(req.context, events)
        results = [
            {**event, "status": _STATUS[code] or event["status"], "code": code}
            for event, code in zip(events, codes, strict=True)
        ]
        all_sent = all(code == 200 for code in codes)
        return wsgi.ResponseObject({"events": results}, 200 if all_sent else 207)
