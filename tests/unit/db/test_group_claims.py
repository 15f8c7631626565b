"""The ledger keeps the policies of server groups, whatever a scheduler has chosen."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.db import (
    allocations,
    instance_deletion,
    instance_groups,
    models,
    query,
    server_migrations,
)
from nova_mini.db.allocations import Claim
from tests.unit.db import records
from tests.unit.db.records import REQUESTED
from tests.unit.scheduler import cloud


@pytest.fixture(autouse=True)
def hosts(database):
    for number in (1, 2, 3):
        cloud.add_host(f"h{number}", memory_mb=96 * 4)


def members(policy: str, count: int, **rules) -> list[str]:
    return [
        spec.instance_uuid for spec in cloud.make_members(cloud.add_group(policy, **rules), count)
    ]


def claim_many(*pairs: tuple[str, str], in_group=True) -> set[str]:
    return allocations.claim_many([Claim(*pair, REQUESTED, in_group) for pair in pairs])


def held(uuid: str) -> str | None:
    row = allocations.get(uuid)
    return row and row["host"]


def test_one_claim_of_two_for_the_same_host_is_made():
    a, b, c = members("anti-affinity", 3)
    assert claim_many((a, "h1"), (b, "h1"), (c, "h2")) == {a, c}
    assert claim_many((b, "h2")) == set()
    assert claim_many((b, "h3")) == {b}
    cloud.check_ledger()


def test_a_single_claim_is_checked_too():
    a, b = members("anti-affinity", 2)
    assert allocations.claim(a, "h1", REQUESTED)
    assert not allocations.claim(b, "h1", REQUESTED)
    assert allocations.claim(b, "h2", REQUESTED)
    assert allocations.claim(b, "h2", REQUESTED), "it is the same claim"


def test_a_claim_that_replaces_another_is_checked_too():
    a, b = members("anti-affinity", 2)
    assert allocations.claim(a, "h1", REQUESTED)
    assert allocations.claim(b, "h2", REQUESTED)
    assert not allocations.claim(b, "h1", REQUESTED)
    assert held(b) is None
    assert allocations.claim(a, "h2", REQUESTED)
    cloud.check_ledger()


def test_the_only_member_may_move_within_affinity():
    a, b = members("affinity", 2)
    assert allocations.claim(a, "h1", REQUESTED)
    assert allocations.claim(a, "h2", REQUESTED)
    assert not allocations.claim(b, "h1", REQUESTED)
    assert allocations.claim(b, "h2", REQUESTED)


def test_a_forced_claim_records_what_is_there_already():
    a, b = members("anti-affinity", 2)
    assert allocations.claim(a, "h1", REQUESTED)
    assert allocations.claim(b, "h1", REQUESTED, force=True)


def test_max_server_per_host_counts_all_claims_of_a_transaction():
    a, b, c, d = members("anti-affinity", 4, max_server_per_host=2)
    assert claim_many((a, "h1")) == {a}
    assert claim_many((b, "h1"), (c, "h1"), (d, "h2")) == {b, d}


def test_where_one_host_is_full_the_policy_is_kept_on_the_others():
    """The second way of a transaction: one claim after the other."""
    a, b, c = members("anti-affinity", 3)
    claim_many(*((f"{n}" * 36, "h1") for n in range(4)), in_group=False)
    assert claim_many((a, "h1"), (b, "h2"), (c, "h2")) == {b}
    cloud.check_ledger()


def test_two_groups_in_one_transaction():
    a, b = members("affinity", 2)
    c, d = members("anti-affinity", 2)
    assert claim_many((a, "h1"), (c, "h1"), (b, "h2"), (d, "h1")) == {a, c}


def test_soft_policies_forbid_nothing():
    a, b = members("soft-anti-affinity", 2)
    assert claim_many((a, "h1"), (b, "h1")) == {a, b}


# -- members that move ---------------------------------------------------------------------------


def begin_move(uuid: str) -> str:
    """The server is about to get an allocation at a destination. Return its migration."""
    migration = records.add_migration(uuid)["uuid"]
    allocations.lend(uuid, migration)
    return migration


def test_a_member_that_moves_is_on_both_hosts():
    a, b = members("anti-affinity", 2)
    assert allocations.claim(a, "h1", REQUESTED)
    migration = begin_move(a)
    assert allocations.claim(a, "h2", REQUESTED)
    assert not allocations.claim(b, "h1", REQUESTED), "the move may be reverted"
    assert not allocations.claim(b, "h2", REQUESTED)
    server_migrations.update(migration, {"status": "confirmed"})
    assert allocations.claim(b, "h1", REQUESTED)


def test_a_member_moves_only_to_a_host_that_its_group_permits():
    a, b = members("anti-affinity", 2)
    claim_many((a, "h1"), (b, "h2"))
    begin_move(a)
    assert not allocations.claim(a, "h2", REQUESTED)
    assert allocations.claim(a, "h1", REQUESTED), "a resize on its own host"
    assert not allocations.claim(b, "h1", REQUESTED)
    assert allocations.claim(b, "h3", REQUESTED)


def test_a_member_of_affinity_does_not_move_away_from_the_others():
    a, b = members("affinity", 2)
    claim_many((a, "h1"))
    begin_move(a)
    assert allocations.claim(a, "h2", REQUESTED), "it is the only one"
    assert not allocations.claim(b, "h1", REQUESTED)
    assert not allocations.claim(b, "h2", REQUESTED), "the move may be reverted"


def test_a_resize_on_the_same_host_counts_once():
    a, b, c = members("anti-affinity", 3, max_server_per_host=2)
    claim_many((a, "h1"))
    begin_move(a)
    assert allocations.claim(a, "h1", REQUESTED)
    assert allocations.claim(b, "h1", REQUESTED)
    assert not allocations.claim(c, "h1", REQUESTED)


# -- members -------------------------------------------------------------------------------------


def test_a_deleted_server_leaves_its_group():
    group = cloud.add_group("affinity")
    kept, gone = (records.add_server() for _ in range(2))
    instance_groups.add_members(group, [kept, gone], "u", -1)
    instance_deletion.destroy(gone)
    [group_id] = [row["id"] for row in query.many(models.instance_groups)]
    assert instance_groups.get_members([group_id]) == {group_id: [kept]}


def test_a_user_may_have_so_many_servers_in_a_group():
    group = cloud.add_group("affinity")
    mine = [records.add_server() for _ in range(3)]
    instance_groups.add_members(group, [records.add_server(user_id="other")], "other", 1)
    instance_groups.add_members(group, mine[:2], "u", 2)
    with pytest.raises(exception.GroupMemberLimitExceeded):
        instance_groups.add_members(group, mine[2:], "u", 2)
    instance_deletion.destroy(mine[0])
    instance_groups.add_members(group, mine[2:], "u", 2)


def test_a_deleted_group_gets_no_members_and_leaves_none():
    group = cloud.add_group("affinity")
    instance_groups.add_members(group, [records.add_server()], "u", -1)
    instance_groups.destroy(group)
    assert not query.many(models.instance_group_members)
    with pytest.raises(exception.InstanceGroupNotFound):
        instance_groups.add_members(group, [records.add_server()], "u", -1)
    with pytest.raises(exception.InstanceGroupNotFound):
        instance_groups.destroy(group)
