from __future__ import annotations

import uuid

import pytest

from nova_mini import rpc
from nova_mini.api.middleware.auth import NoAuthMiddleware
from nova_mini.context import RequestContext
from nova_mini.db import instance_deletion, instance_groups, models, query
from tests.unit.conftest import ADMIN

GROUPS = "/os-server-groups"


def create(api, policy="anti-affinity", *, name="g", version="2.96", token="user:project", **rules):
    body = {"name": name, "policy": policy, **({"rules": rules} if rules else {})}
    return api.post(GROUPS, {"server_group": body}, version=version, token=token)


def make(api, *args, **kwargs) -> str:
    answer = create(api, *args, **kwargs)
    assert answer.status_int == 200, answer.text
    return answer.json["server_group"]["id"]


def show(api, group: str, version="2.96", token="user:project"):
    return api.get(f"{GROUPS}/{group}", version=version, token=token)


def listed(api, query="", token="user:project", version="2.96") -> list[str]:
    answer = api.get(GROUPS + query, token=token, version=version)
    assert answer.status_int == 200, answer.text
    return [group["name"] for group in answer.json["server_groups"]]


def set_quota(api, user=None, **limits):
    query = f"?user_id={user}" if user else ""
    body = {"quota_set": {**limits, "force": True}}
    assert api.put(f"/os-quota-sets/project{query}", body, token=ADMIN).status_int == 200


# -- groups --------------------------------------------------------------------------------------


def test_a_group_is_created_and_shown(api):
    group = create(api, max_server_per_host=3).json["server_group"]
    assert group == {
        "id": group["id"],
        "name": "g",
        "policy": "anti-affinity",
        "rules": {"max_server_per_host": 3},
        "members": [],
        "project_id": "project",
        "user_id": "user",
    }
    assert show(api, group["id"]).json["server_group"] == group
    assert api.get(GROUPS, version="2.96").json == {"server_groups": [group]}


def test_views_of_older_microversions(api):
    group = make(api, max_server_per_host=3)
    first = {
        "id": group,
        "name": "g",
        "policies": ["anti-affinity"],
        "metadata": {},
        "members": [],
    }
    owner = {"project_id": "project", "user_id": "user"}
    assert show(api, group, version="2.12").json["server_group"] == first
    assert show(api, group, version="2.13").json["server_group"] == {**first, **owner}
    assert show(api, group, version="2.63").json["server_group"] == {**first, **owner}


@pytest.mark.parametrize("version", ["2.1", "2.14", "2.15", "2.63"])
def test_policies_of_older_microversions(api, version):
    def ask(*policies):
        body = {"server_group": {"name": "g", "policies": list(policies)}}
        return api.post(GROUPS, body, version=version)

    for policy in ("affinity", "anti-affinity"):
        answer = ask(policy)
        assert answer.status_int == 200
        assert answer.json["server_group"]["policies"] == [policy]
    soft = 400 if version in ("2.1", "2.14") else 200
    assert ask("soft-affinity").status_int == ask("soft-anti-affinity").status_int == soft
    for wrong in ([], ["affinity", "anti-affinity"], ["affinity", "affinity"], ["odd"]):
        assert ask(*wrong).status_int == 400


@pytest.mark.parametrize(
    "body",
    [
        {"name": "g"},
        {"policy": "affinity"},
        {"name": "", "policy": "affinity"},
        {"name": "g" * 256, "policy": "affinity"},
        {"name": "g", "policy": "odd"},
        {"name": "g", "policies": ["affinity"]},
        {"name": "g", "policy": "affinity", "metadata": {}},
        {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": 0}},
        {"name": "g", "policy": "anti-affinity", "rules": {"max_server_per_host": "x"}},
        {"name": "g", "policy": "anti-affinity", "rules": {"other": 1}},
        {"name": "g", "policy": "affinity", "rules": {"max_server_per_host": 1}},
        {"name": "g", "policy": "soft-anti-affinity", "rules": {"max_server_per_host": 1}},
    ],
)
def test_invalid_groups_are_refused(api, body):
    assert api.post(GROUPS, {"server_group": body}, version="2.64").status_int == 400
    assert listed(api) == []


def test_rules_may_be_text_or_empty(api):
    group = make(api, max_server_per_host="2")
    assert show(api, group).json["server_group"]["rules"] == {"max_server_per_host": 2}
    body = {"name": "g", "policy": "affinity", "rules": {}}
    assert (
        api.post(GROUPS, {"server_group": body}, version="2.64").json["server_group"]["rules"] == {}
    )


def test_a_deleted_group_is_gone(api):
    group = make(api)
    answer = api.delete(f"{GROUPS}/{group}")
    assert (answer.status_int, answer.body) == (204, b"")
    for gone in (show(api, group), api.delete(f"{GROUPS}/{group}"), show(api, "x")):
        assert gone.status_int == 404
    message = show(api, group).json["itemNotFound"]["message"]
    assert message == f"Instance group {group} could not be found."


def test_pages(api):
    for number in range(5):
        make(api, name=f"g{number}")
    assert listed(api) == [f"g{number}" for number in range(5)]
    assert listed(api, "?limit=2&offset=1") == ["g1", "g2"]
    assert listed(api, "?offset=4") == ["g4"]
    assert listed(api, "?offset=5") == []
    assert listed(api, "?limit=0") == listed(api)
    for wrong in ("?limit=-1", "?limit=x", "?offset=-1"):
        assert api.get(GROUPS + wrong, version="2.96").status_int == 400
    assert api.get(f"{GROUPS}?colour=red", version="2.74").status_int == 200
    assert api.get(f"{GROUPS}?colour=red", version="2.75").status_int == 400


# -- owners --------------------------------------------------------------------------------------


def test_groups_of_other_projects_are_invisible(api):
    group = make(api)
    assert listed(api, token="user:other") == []
    assert show(api, group, token="user:other").status_int == 404
    assert api.delete(f"{GROUPS}/{group}", token="user:other").status_int == 404
    assert listed(api) == ["g"]


def test_administrators_see_the_groups_of_all_projects(api):
    make(api, name="mine")
    make(api, name="theirs", token="user:other")
    assert listed(api, token=ADMIN) == []
    assert listed(api, "?all_projects=1", token=ADMIN) == ["mine", "theirs"]
    assert listed(api, "?all_projects=1") == ["mine"], "it has no effect for users"


@pytest.mark.parametrize(
    ("roles", "may_read", "may_change"),
    [((), False, False), (("reader",), True, False), (("member",), False, True)],
)
def test_groups_by_role(api, monkeypatch, roles, may_read, may_change):
    group = make(api)
    context = RequestContext(
        user_id="user", project_id="project", roles=list(roles), overwrite=False
    )
    monkeypatch.setattr(NoAuthMiddleware, "context_of", lambda self, req: context)
    read, change = 200 if may_read else 403, 200 if may_change else 403
    assert api.get(GROUPS).status_int == show(api, group).status_int == read
    assert create(api).status_int == change
    assert api.delete(f"{GROUPS}/{group}").status_int == (204 if may_change else 403)


def test_administrators_delete_the_groups_of_other_projects(api):
    assert api.delete(f"{GROUPS}/{make(api)}", token=ADMIN).status_int == 204


def test_operators_may_hide_the_groups_of_all_projects(api, operators_file):
    operators_file('"os_compute_api:os-server-groups:index:all_projects": "!"')
    assert api.get(f"{GROUPS}?all_projects=1", token=ADMIN).status_int == 403
    assert listed(api, "?all_projects=1") == []


# -- quotas --------------------------------------------------------------------------------------


def test_too_many_groups_of_a_project_are_refused(api):
    set_quota(api, server_groups=2)
    first, _ = make(api), make(api, token="friend:project")
    answer = create(api)
    assert answer.status_int == 403
    assert answer.json["forbidden"]["message"] == "Quota exceeded, too many server groups."
    limits = api.get("/limits").json["limits"]["absolute"]
    assert (limits["maxServerGroups"], limits["totalServerGroupsUsed"]) == (2, 2)
    detail = api.get("/os-quota-sets/project/detail", version="2.96").json["quota_set"]
    assert detail["server_groups"] == {"limit": 2, "in_use": 2, "reserved": 0}
    api.delete(f"{GROUPS}/{first}")
    assert create(api).status_int == 200
    set_quota(api, server_groups=-1)
    assert create(api).status_int == 200


def test_too_many_groups_of_a_user_are_refused(api):
    set_quota(api, user="user", server_groups=1)
    make(api)
    assert create(api).status_int == 403
    assert create(api, token="friend:project").status_int == 200


# -- servers -------------------------------------------------------------------------------------


def boot(cloud, group: str, *, token="user:project", version="2.96", **fields):
    body = {**cloud.body(**fields), "os:scheduler_hints": {"group": group}}
    return cloud.api.post("/servers", body, token=token, version=version)


def members(cloud, group: str) -> list[str]:
    return show(cloud.api, group).json["server_group"]["members"]


def test_a_new_server_joins_its_group_until_it_is_deleted(cloud):
    group = make(cloud.api)
    first, second = (boot(cloud, group).json["server"]["id"] for _ in range(2))
    assert members(cloud, group) == [first, second]
    shown = cloud.api.get(f"/servers/{first}", version="2.71").json["server"]
    assert shown["server_groups"] == [group]
    assert "server_groups" not in cloud.api.get(f"/servers/{first}", version="2.70").json["server"]
    [listed] = cloud.api.get("/os-server-groups", version="2.96").json["server_groups"]
    assert listed["members"] == [first, second]

    cloud.built(first)
    changed = cloud.api.put(f"/servers/{first}", {"server": {"name": "new"}}, version="2.71")
    assert changed.json["server"]["server_groups"] == [group]

    instance_deletion.destroy(first)
    assert members(cloud, group) == [second]


def test_the_request_for_a_host_names_the_group(cloud):
    group = make(cloud.api)
    server = boot(cloud, group).json["server"]["id"]
    [row] = query.many(models.request_specs, models.request_specs.c.instance_uuid == server)
    assert row["spec"]["scheduler_hints"] == {"group": group}
    assert "instance_group" not in row["spec"]


def test_servers_of_a_deleted_group_are_in_no_group(cloud):
    group = make(cloud.api)
    server = boot(cloud, group).json["server"]["id"]
    assert cloud.api.delete(f"{GROUPS}/{group}").status_int == 204
    shown = cloud.api.get(f"/servers/{server}", version="2.71").json["server"]
    assert shown["server_groups"] == []


def test_a_group_that_is_unknown_or_of_another_project_is_refused(cloud):
    theirs = make(cloud.api, token="user:other")
    for group in (theirs, str(uuid.uuid4())):
        answer = boot(cloud, group)
        assert answer.status_int == 400
        message = answer.json["badRequest"]["message"]
        assert f"Instance group {group} could not be found." in message
    assert boot(cloud, "x").status_int == 400
    assert not query.many(models.instances)
    assert boot(cloud, theirs, token=ADMIN).status_int == 202


def test_a_group_that_is_deleted_during_the_request(cloud, monkeypatch):
    group = make(cloud.api)
    add = instance_groups.add_members

    def add_late(*args):
        instance_groups.destroy(group)
        add(*args)

    monkeypatch.setattr(instance_groups, "add_members", add_late)
    assert boot(cloud, group).status_int == 400
    assert not query.many(models.instances)
    assert not query.many(models.instance_actions)


def test_too_many_servers_in_a_group_are_refused(cloud):
    set_quota(cloud.api, server_group_members=2)
    group, other = make(cloud.api), make(cloud.api)
    assert boot(cloud, group, min_count=3, max_count=3).status_int == 403
    assert members(cloud, group) == []
    assert boot(cloud, group, min_count=2, max_count=2).status_int == 202
    answer = boot(cloud, group)
    assert answer.status_int == 403
    assert answer.json["forbidden"]["message"] == "Quota exceeded, too many servers in group"
    assert len(members(cloud, group)) == 2
    assert len(query.many(models.instances)) == 2
    assert boot(cloud, other).status_int == 202
    assert boot(cloud, group, token="friend:project").status_int == 202
    set_quota(cloud.api, user="user", server_group_members=1)
    assert boot(cloud, other).status_int == 403


@pytest.mark.parametrize("binary", ["nova-mini-scheduler", "nova-mini-conductor"])
def test_groups_wait_for_the_end_of_an_upgrade(cloud, binary):
    """A scheduler or a conductor of the release before would place the servers anywhere."""
    group = make(cloud.api)
    old = {
        "uuid": str(uuid.uuid4()),
        "host": "old",
        "binary": binary,
        "topic": binary.rpartition("-")[2],
        "incarnation": str(uuid.uuid4()),
        "version": 2,
        "last_seen_up": query.now(),
    }
    query.insert(models.services, old)
    assert boot(cloud, group).status_int == 409
    assert cloud.api.post("/servers", cloud.body(), version="2.96").status_int == 202
    query.update(models.services, {"forced_down": True}, models.services.c.host == "old")
    assert boot(cloud, group).status_int == 202


# -- notifications -------------------------------------------------------------------------------


def test_notifications(cloud, monkeypatch):
    sent = []

    class Notifier:
        def info(self, context, event, payload):
            sent.append((event, payload))

    monkeypatch.setattr(rpc, "are_notifications_enabled", lambda: True)
    monkeypatch.setattr(rpc, "get_notifier", lambda publisher: Notifier())
    group = make(cloud.api, max_server_per_host=2)
    server = boot(cloud, group).json["server"]["id"]
    boot(cloud, str(uuid.uuid4()))
    cloud.api.delete(f"{GROUPS}/{group}")
    assert [event for event, _ in sent] == [
        "servergroup.create",
        "servergroup.addmember",
        "servergroup.delete",
    ]
    assert sent[0][1] == {
        "server_group_id": group,
        "name": "g",
        "policy": "anti-affinity",
        "rules": {"max_server_per_host": 2},
        "project_id": "project",
        "user_id": "user",
    }
    assert sent[1][1] == {"server_group_id": group, "instance_uuids": [server]}
    assert sent[2][1] == {"server_group_id": group}
