"""A hard reboot that is asked of a server while something else goes on with it."""

from __future__ import annotations

import pytest


def state(world, server: str) -> tuple[str, str | None]:
    instance = world.instance(server)
    return instance.vm_state, instance.task_state


@pytest.mark.parametrize("earlier", ["suspend", "reboot"])
def test_it_is_seen_until_it_is_done(world, server, earlier):
    if earlier == "suspend":
        world.api.suspend(world.context, world.instance(server))
    else:
        world.api.reboot(world.context, world.instance(server), "HARD")
    world.api.reboot(world.context, world.instance(server), "HARD")
    first, second = world.casts
    world.casts[:] = [first]
    world.deliver()
    after = "suspended" if earlier == "suspend" else "active"
    assert state(world, server) == (after, "rebooting_hard")
    world.casts[:] = [second]
    world.deliver()
    assert state(world, server) == ("active", None)
    assert world.unfinished() == []
