"""A hard reboot that is requested while another operation runs on the server."""

from __future__ import annotations

import pytest


def state(cloud, server: str) -> tuple[str, str | None]:
    instance = cloud.instance(server)
    return instance.vm_state, instance.task_state


@pytest.mark.parametrize("earlier", ["suspend", "reboot"])
def test_the_task_state_of_the_later_request_stays_until_it_is_done(cloud, server, earlier):
    if earlier == "suspend":
        cloud.api.suspend(cloud.context, cloud.instance(server))
    else:
        cloud.api.reboot(cloud.context, cloud.instance(server), "HARD")
    cloud.api.reboot(cloud.context, cloud.instance(server), "HARD")
    first, second = cloud.casts
    cloud.casts[:] = [first]
    cloud.deliver()
    after = "suspended" if earlier == "suspend" else "active"
    assert state(cloud, server) == (after, "rebooting_hard")
    cloud.casts[:] = [second]
    cloud.deliver()
    assert state(cloud, server) == ("active", None)
    assert cloud.unfinished() == []
