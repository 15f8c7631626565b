"""What a host goes on with after its process has died."""

from __future__ import annotations

from oslo_context import context as oslo_context

from nova_mini.context import RequestContext


def test_it_is_logged_as_of_the_request_that_asked_for_it(world, monkeypatch):
    logged = []

    def stop_instance(context, instance_uuid, action_id):
        logged.append((oslo_context.get_current().request_id, instance_uuid, action_id))

    monkeypatch.setattr(world.manager, "stop_instance", stop_instance)
    asked = RequestContext(user_id="user", request_id="req-1", overwrite=False)
    world.manager.take_up([(7, "stop_instance", "uuid", asked.to_dict())])
    world.manager._resumed.shutdown(wait=True)
    assert logged == [("req-1", "uuid", 7)]
