"""Faults of the fake driver, which a flavor requests."""

import time

import pytest


@pytest.fixture
def make_flavor(project):
    """A function that creates a flavor with extra specs and returns its ID."""
    made = []

    def make(**extra_specs: str) -> str:
        flavor = {"name": f"faulty-{len(made)}", "ram": 64, "vcpus": 1, "disk": 1}
        flavor_id = project.admin.post("/flavors", {"flavor": flavor}, 200)["flavor"]["id"]
        made.append(flavor_id)
        specs = {f"fake:{name}": value for name, value in extra_specs.items()}
        body = {"extra_specs": specs}
        project.admin.post(f"/flavors/{flavor_id}/os-extra_specs", body, 200)
        return flavor_id

    yield make
    for flavor_id in made:
        project.admin.delete(f"/flavors/{flavor_id}", 202)


def test_a_flavor_fails_builds(project, make_flavor):
    server_id = project.create(flavorRef=make_flavor(fail_spawn_on="*"))
    fault = project.user.wait_for(server_id, "ERROR")["fault"]
    assert fault["code"] == 500


def test_a_flavor_delays_builds(project, make_flavor):
    server_id = project.create(flavorRef=make_flavor(spawn_seconds="3"))
    begun = time.monotonic()
    project.user.wait_for(server_id, "ACTIVE")
    assert time.monotonic() - begun > 2.5


def test_a_server_whose_build_is_delayed_is_deleted(project, make_flavor):
    server_id = project.create(flavorRef=make_flavor(spawn_seconds="60"))
    begun = time.monotonic()
    project.user.delete(f"/servers/{server_id}")
    project.user.wait_gone(server_id)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("operation", "action", "between", "after"),
    [
        ("reboot", {"reboot": {"type": "HARD"}}, ("HARD_REBOOT", "rebooting_hard"), "ACTIVE"),
        ("stop", {"os-stop": None}, ("ACTIVE", "powering-off"), "SHUTOFF"),
        ("pause", {"pause": None}, ("ACTIVE", "pausing"), "PAUSED"),
        ("suspend", {"suspend": None}, ("ACTIVE", "suspending"), "SUSPENDED"),
        ("resize", {"migrate": None}, ("RESIZE", "resize_finish"), "VERIFY_RESIZE"),
        ("rescue", {"rescue": None}, ("ACTIVE", "rescuing"), "RESCUE"),
    ],
)
def test_a_flavor_delays_an_operation(project, make_flavor, operation, action, between, after):
    flavor = make_flavor(**{f"{operation}_seconds": "3"})
    server_id = project.boot(flavorRef=flavor)
    begun = time.monotonic()
    expected = 200 if operation == "rescue" else 202  # a rescue answers with a password
    project.admin.post(f"/servers/{server_id}/action", action, expected)
    seen = set()
    while (shown := project.admin.show(server_id))["status"] != after:
        seen.add((shown["status"], shown["OS-EXT-STS:task_state"]))
        time.sleep(0.2)
    assert between in seen
    assert time.monotonic() - begun > 2.5
