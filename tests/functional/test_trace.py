"""nova-mini-manage trace: the walk of real requests through four services."""

from __future__ import annotations

import re
import uuid

import pytest

_SHOWN, _NOTHING, _FAILED = 0, 1, 2
_ROW = re.compile(r"^ *(\S+) +(\w+)@?(\S*) +-?\d+ +\d+[!+]? ", re.M)


def _trace(cloud, *words: str) -> list[tuple[str, str, str]]:
    """(step, service, host) of each line of the waterfall."""
    done = cloud.manage("trace", *words)
    assert done.returncode == _SHOWN
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert "\x1b" not in done.stdout
    return _ROW.findall(done.stdout)


def test_the_walk_of_a_build(cloud, project):
    response = project.user.request("POST", "/servers", project.server())
    request_id, server_id = (
        response.headers["x-compute-request-id"],
        response.json()["server"]["id"],
    )
    project.user.wait_for(server_id, "ACTIVE")
    host = project.host_of(server_id)

    rows = _trace(cloud, server_id)
    assert rows == _trace(cloud, request_id)
    services = [service for _, service, _ in rows]
    in_order = list(dict.fromkeys(services))
    assert in_order == ["api", "conductor", "scheduler", "compute"]
    assert {at for _, service, at in rows if service == "compute"} == {host}
    assert [step for step, service, _ in rows if service == "scheduler"] == [
        "choose_hosts",
        "claim_hosts",
    ]


def test_the_walk_of_a_migration_is_at_both_computes(cloud, project):
    server_id = project.boot()
    source = project.host_of(server_id)
    project.admin.act(server_id, "migrate")
    project.user.wait_for(server_id, "VERIFY_RESIZE")
    destination = project.host_of(server_id)

    rows = _trace(cloud, server_id)
    places = list(dict.fromkeys((service, at) for _, service, at in rows if service == "compute"))
    assert set(places) == {("compute", source), ("compute", destination)}
    assert {service for _, service, _ in rows} == {"api", "conductor", "scheduler", "compute"}
    project.user.act(server_id, "confirmResize", expect=204)
    project.user.wait_for(server_id, "ACTIVE")

    done = cloud.manage("trace", server_id, "--last", "0")
    heads = re.findall(rf"^(\w+) of server {server_id}: done", done.stdout, re.M)
    assert heads == ["create", "migrate", "confirmResize"]


def test_a_page_is_written(cloud, project, tmp_path):
    server_id = project.boot()
    page = tmp_path / "walk.html"
    assert cloud.manage("trace", server_id, "--html", str(page)).returncode == _SHOWN
    source = page.read_text()
    assert server_id in source and "FakeDriver.spawn" in source and "</svg>" in source
    unwritable = str(tmp_path / "missing" / "walk.html")
    assert cloud.manage("trace", server_id, "--html", unwritable).returncode == _FAILED


@pytest.mark.parametrize(
    ("subject", "status"),
    [(str(uuid.uuid4()), _NOTHING), (f"req-{uuid.uuid4()}", _NOTHING), ("a name", _FAILED)],
)
def test_what_does_not_exist_is_named(cloud, subject, status):
    done = cloud.manage("trace", subject)
    assert done.returncode == status and subject in done.stderr
