"""Several schedulers, each with several threads, place members of the same server groups over one
real database. No policy is ever broken."""

from __future__ import annotations

import datetime
import subprocess
import sys
import time
from concurrent import futures

import pytest
import sqlalchemy as sa

from nova_mini import exception
from nova_mini.db import allocations, instance_groups, models, query, session
from nova_mini.db.allocations import Claim
from tests.functional.scheduler.grouping_scheduler import THREADS
from tests.unit.db import records
from tests.unit.scheduler import cloud

HOSTS = 12
_SCHEDULERS = 2
_ROUNDS = 40  # requests of each thread
_TIMEOUT = 240
_REQUESTED = {"vcpus": 1, "memory_mb": 64, "local_gb": 1}

# policy -> the rules of its groups
_POLICIES = {
    "anti-affinity": [{}, {}, {"max_server_per_host": 2}, {"max_server_per_host": 5}],
    "affinity": [{}, {}],
}


@pytest.fixture
def hosts(mariadb):
    for number in range(HOSTS):
        cloud.add_host(f"h{number:02}", vcpus=4000, memory_mb=64 * 4000, local_gb=4000)
    # No process reports for them, and the test may last longer than service_down_time.
    query.update(models.services, {"last_seen_up": query.now() + datetime.timedelta(hours=1)})


def broken_policies() -> list[tuple]:
    """(group, host, members there) wherever a policy is broken now. One statement, so that it sees
    the claims of one moment."""
    group, member, held = (
        models.instance_groups.c,
        models.instance_group_members.c,
        models.allocations.c,
    )
    joined = (
        models.instance_groups.join(models.instance_group_members, member.group_id == group.id)
    ).join(models.allocations, held.consumer_uuid == member.instance_uuid)
    statement = (
        sa.select(group.uuid, group.policy, group.rules, held.host, sa.func.count())
        .select_from(joined)
        .group_by(group.uuid, group.policy, group.rules, held.host)
    )
    with session.reader() as connection:
        rows = connection.execute(statement).all()
    crowded = [
        (uuid, host, count)
        for uuid, policy, rules, host, count in rows
        if policy == "anti-affinity" and count > rules.get("max_server_per_host", 1)
    ]
    together = [(row[0], row[3], row[4]) for row in rows if row[1] == "affinity"]
    hosts_of = {uuid: {each[1] for each in together if each[0] == uuid} for uuid, *_ in together}
    return crowded + [each for each in together if len(hosts_of[each[0]]) > 1]


def start(url: str, seed: int, groups: list[str]) -> subprocess.Popen:
    module = "tests.functional.scheduler.grouping_scheduler"
    words = [sys.executable, "-m", module, url, str(seed), str(_ROUNDS), *groups]
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True)


def test_schedulers_never_break_a_policy(mariadb, hosts):
    groups = [
        cloud.add_group(policy, **rules) for policy, all_ in _POLICIES.items() for rules in all_
    ]
    processes = [start(mariadb, 1000 * number, groups) for number in range(_SCHEDULERS)]
    deadline = time.monotonic() + _TIMEOUT
    looks = 0
    while any(process.poll() is None for process in processes):
        assert time.monotonic() < deadline
        assert broken_policies() == []
        looks += 1
        time.sleep(0.05)
    placed = [int(process.communicate()[0]) for process in processes]
    assert [process.returncode for process in processes] == [0] * _SCHEDULERS
    assert broken_policies() == []
    assert looks > 20
    assert min(placed) > _ROUNDS, "one did it alone"
    cloud.check_ledger()
    held = {row["consumer_uuid"] for row in query.many(models.allocations)}
    members = {row["instance_uuid"] for row in query.many(models.instance_group_members)}
    assert held == members, "a member that was refused or deleted has left"


def test_claims_without_a_choice_are_kept_apart(hosts):
    """The ledger alone, as if no scheduler knew of the group: thousands of claims for any host, one
    by one and in batches. Each host gets exactly one member."""
    groups = [cloud.add_group("anti-affinity") for _ in range(10)]
    names = [f"h{number:02}" for number in range(HOSTS)]
    members = [
        [spec.instance_uuid for spec in cloud.make_members(group, 4 * HOSTS)] for group in groups
    ]
    claim_many = session.retried(allocations.claim_many)
    claim = session.retried(allocations.claim)

    def place(number: int) -> int:
        """Claim every host for a share of the members of every group, with several tries each."""
        made = 0
        for of_group in members:
            share = of_group[number::THREADS]
            for shift in range(HOSTS):
                host_of = {
                    uuid: names[(index + shift + number) % HOSTS]
                    for index, uuid in enumerate(share)
                    if uuid not in done
                }
                if shift % 2:
                    granted = claim_many(
                        [Claim(uuid, host, _REQUESTED, True) for uuid, host in host_of.items()]
                    )
                else:
                    granted = {u for u, host in host_of.items() if claim(u, host, _REQUESTED)}
                done.update(granted)
                made += len(host_of)
        return made

    done: set[str] = set()
    with futures.ThreadPoolExecutor(THREADS) as pool:
        tried = sum(pool.map(place, range(THREADS)))
    assert tried > 2000
    assert broken_policies() == []
    assert len(done) == len(groups) * HOSTS, "every host has one member of each group"
    cloud.check_ledger()


def test_a_quota_of_members_is_exact(hosts):
    """Requests of one user at the same moment."""
    group = cloud.add_group("soft-affinity")
    add = session.retried(instance_groups.add_members)
    servers = [records.add_server() for _ in range(60)]

    def join(uuid: str) -> bool:
        try:
            add(group, [uuid], "u", 25)
        except exception.GroupMemberLimitExceeded:
            return False
        return True

    with futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(join, servers)) == 25
    assert len(query.many(models.instance_group_members)) == 25


def test_a_quota_of_groups_is_exact(hosts):
    insert = session.retried(instance_groups.create)

    def create(number: int) -> bool:
        values = {"project_id": "p", "user_id": "u", "name": "g", "policy": "affinity", "rules": {}}
        try:
            insert({"uuid": f"{number:036}", **values}, 10, -1)
        except exception.ServerGroupLimitExceeded:
            return False
        return True

    with futures.ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(create, range(40))) == 10
    assert instance_groups.count("p") == 10
