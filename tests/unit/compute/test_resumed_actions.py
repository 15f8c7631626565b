"""Actions that a host resumes after a restart."""

from __future__ import annotations

from oslo_context import context as oslo_context

from nova_mini.actions import operations
from nova_mini.context import RequestContext


def test_a_resumed_action_is_logged_with_the_id_of_its_request(cloud, monkeypatch):
    logged = []

    def stop_instance(context, instance_uuid, action_id):
        logged.append((oslo_context.get_current().request_id, instance_uuid, action_id))

    monkeypatch.setitem(cloud.manager.runner._handlers, operations.STOP_INSTANCE, stop_instance)
    context = RequestContext(user_id="user", request_id="req-1", overwrite=False)
    cloud.manager.resume_actions([(7, "stop_instance", "uuid", context.to_dict())])
    cloud.manager.runner._urgent.shutdown(wait=True)
    assert logged == [("req-1", "uuid", 7)]
