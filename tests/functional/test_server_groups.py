"""Server groups with four daemons and two hosts."""

from __future__ import annotations

from concurrent import futures

import pytest

from tests.functional.harness.waiting import until

GROUPS = "/os-server-groups"


@pytest.fixture
def make_group(project):
    def make(policy: str, **rules: int) -> str:
        body = {"name": policy, "policy": policy, **({"rules": rules} if rules else {})}
        return project.user.post(GROUPS, {"server_group": body})["server_group"]["id"]

    yield make
    for group in project.user.get(GROUPS)["server_groups"]:
        project.user.delete(f"{GROUPS}/{group['id']}")


@pytest.fixture
def create(project):
    """``create(group, **fields)`` requests servers in a group. Returns their IDs."""

    def request(group: str, **fields) -> list[str]:
        before = set(project.servers())
        body = {**project.server(**fields), "os:scheduler_hints": {"group": group}}
        project.user.post("/servers", body, 202)
        return [server for server in project.servers() if server not in before]

    return request


@pytest.fixture
def boot(project, create):
    """As ``create``, for one server that becomes ACTIVE. Returns its ID."""

    def request(group: str, **fields) -> str:
        [server] = create(group, **fields)
        project.user.wait_for(server, "ACTIVE")
        return server

    return request


def members(project, group: str) -> list[str]:
    return project.user.get(f"{GROUPS}/{group}")["server_group"]["members"]


def test_members_of_anti_affinity_are_apart(project, make_group, create, boot):
    group = make_group("anti-affinity")
    servers = create(group, min_count=2, max_count=2)
    for server in servers:
        project.user.wait_for(server, "ACTIVE")
        assert project.user.show(server)["server_groups"] == [group]
    assert {project.host_of(server) for server in servers} == {"c1", "c2"}
    assert set(members(project, group)) == set(servers)

    [third] = create(group)
    fault = project.user.wait_for(third, "ERROR")["fault"]["message"]
    assert fault == "No valid host was found. There are not enough hosts available."

    host = project.host_of(servers[0])
    for gone in (third, servers[0]):
        project.user.delete(f"/servers/{gone}")
        project.user.wait_gone(gone)
    assert members(project, group) == [servers[1]]
    assert project.host_of(boot(group)) == host


def test_members_of_affinity_are_together(project, make_group, boot, create):
    group = make_group("affinity")
    first = boot(group)
    host = project.host_of(first)
    assert {project.host_of(boot(group)) for _ in range(3)} == {host}
    other = {"c1": "c2", "c2": "c1"}[host]
    body = project.server(availability_zone=f"nova:{other}")
    hinted = {**body, "os:scheduler_hints": {"group": group}}
    forced = project.admin.post("/servers", hinted, 202)["server"]["id"]
    project.user.wait_for(forced, "ERROR")


def test_max_server_per_host(project, make_group, create):
    group = make_group("anti-affinity", max_server_per_host=2)
    servers = create(group, min_count=4, max_count=4)
    for server in servers:
        project.user.wait_for(server, "ACTIVE")
    assert sorted(project.host_of(server) for server in servers) == ["c1", "c1", "c2", "c2"]
    [fifth] = create(group)
    project.user.wait_for(fifth, "ERROR")


def test_soft_anti_affinity_never_fails(project, make_group, create):
    group = make_group("soft-anti-affinity")
    servers = create(group, min_count=4, max_count=4)
    for server in servers:
        project.user.wait_for(server, "ACTIVE")
    assert {project.host_of(server) for server in servers} == {"c1", "c2"}


def test_a_failed_build_does_not_break_the_policy(project, make_group, boot, create):
    """The alternate of the second server is the host of the first."""
    group = make_group("anti-affinity")
    first = boot(group)
    host = project.host_of(first)
    other = {"c1": "c2", "c2": "c1"}[host]
    [second] = create(group, metadata={"fake:fail_spawn_on": other})
    project.user.wait_for(second, "ERROR")
    assert project.host_of(second) != host
    events = project.events(second, "create")
    assert host not in {event["host"] for event in events}


def test_an_unshelved_server_keeps_the_policy(project, make_group, boot):
    group = make_group("anti-affinity")
    first = boot(group)
    host = project.host_of(first)
    project.user.act(first, "shelve")
    project.user.wait_for(first, "SHELVED_OFFLOADED")
    # Its place is taken, by a member that is put there.
    body = {**project.server(host=host), "os:scheduler_hints": {"group": group}}
    second = project.admin.post("/servers", body, 202)["server"]["id"]
    project.user.wait_for(second, "ACTIVE")
    assert project.host_of(second) == host

    project.user.act(first, "unshelve")
    project.user.wait_for(first, "ACTIVE")
    assert project.host_of(first) != host
    project.user.act(first, "shelve")
    project.user.wait_for(first, "SHELVED_OFFLOADED")
    project.admin.act(first, "unshelve", {"host": host})
    project.user.wait_for(first, "SHELVED_OFFLOADED")
    events = project.events(first, "unshelve")
    assert [event for event in events if event["result"] == "Error"]


def test_requests_at_the_same_moment(project, make_group):
    """Ten requests of one member each: every host gets one, all others fail."""
    group = make_group("anti-affinity")
    body = {**project.server(), "os:scheduler_hints": {"group": group}}
    with futures.ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: project.user.post("/servers", body, 202), range(10)))
    servers = [answer["server"]["id"] for answer in answers]
    states: list[str] = []

    def all_ended() -> bool:
        states[:] = [project.user.show(server)["status"] for server in servers]
        return "BUILD" not in states

    until("all have ended", all_ended, 30)
    assert sorted(states) == ["ACTIVE"] * 2 + ["ERROR"] * 8
    placed = [s for s, state in zip(servers, states, strict=True) if state == "ACTIVE"]
    assert {project.host_of(server) for server in placed} == {"c1", "c2"}


def test_too_many_members_are_refused(project, make_group, create):
    quota = {"quota_set": {"server_group_members": 1}}
    project.admin.put(f"/os-quota-sets/{project.id}", quota)
    group = make_group("soft-affinity")
    body = {
        **project.server(min_count=2, max_count=2),
        "os:scheduler_hints": {"group": group},
    }
    message = project.user.refusal(403, "POST", "/servers", body)
    assert message == "Quota exceeded, too many servers in group"
    assert project.servers() == members(project, group) == []
    [server] = create(group)
    project.user.wait_for(server, "ACTIVE")


def test_servers_survive_their_group(project, make_group, boot):
    group = make_group("anti-affinity")
    server = boot(group)
    project.user.delete(f"{GROUPS}/{group}")
    assert project.user.show(server)["server_groups"] == []
    project.user.act(server, "shelve")
    project.user.wait_for(server, "SHELVED_OFFLOADED")
    project.user.act(server, "unshelve")
    project.user.wait_for(server, "ACTIVE")
