"""Limits, quota sets and the default quota class."""

import pytest

from nova_mini import db
from nova_mini.conf import CONF
from tests.unit.conftest import ADMIN

SETS = "/os-quota-sets"


@pytest.fixture
def used(database):
    """The project has one server of 2 cores and 512 MiB."""
    with db.session.writer():
        usage = {"instances": 1, "cores": 2, "ram": 512}
        assert db.project_usages.claim("project", usage, dict.fromkeys(usage, -1))


def update(api, project="project", *, user=None, version="2.96", token=ADMIN, **limits):
    query = f"?user_id={user}" if user else ""
    body = {"quota_set": limits}
    return api.put(f"{SETS}/{project}{query}", body, token=token, version=version)


def show(api, project="project", *, user=None, version="2.96", token=ADMIN):
    query = f"?user_id={user}" if user else ""
    return api.get(f"{SETS}/{project}{query}", token=token, version=version).json["quota_set"]


def test_default_quotas_come_from_the_configuration(api):
    shown = api.get(f"{SETS}/project/defaults", version="2.96").json["quota_set"]
    assert shown == {
        "id": "project",
        "instances": CONF.quota.instances,
        "cores": CONF.quota.cores,
        "ram": CONF.quota.ram,
        "key_pairs": CONF.quota.key_pairs,
        "metadata_items": CONF.quota.metadata_items,
        "server_groups": CONF.quota.server_groups,
        "server_group_members": CONF.quota.server_group_members,
    }
    assert show(api, token="user:project") == shown


def test_set_quota_of_a_project(api):
    response = update(api, instances=3, cores=-1)
    assert response.status_int == 200
    assert "id" not in response.json["quota_set"]
    assert (response.json["quota_set"]["instances"], show(api)["cores"]) == (3, -1)
    assert show(api, "other")["instances"] == CONF.quota.instances
    assert update(api, instances=4).json["quota_set"]["instances"] == 4


def test_delete_quota_of_a_project(api):
    update(api, instances=3)
    update(api, user="user", instances=2)
    assert api.delete(f"{SETS}/project", token=ADMIN).status_int == 202
    assert show(api)["instances"] == show(api, user="user")["instances"] == CONF.quota.instances


def test_quota_of_a_user_is_at_most_the_projects(api):
    update(api, instances=5)
    assert update(api, user="user", instances=6).status_int == 400
    assert update(api, user="user", instances=-1).status_int == 400
    assert update(api, user="user", instances=2).status_int == 200
    assert show(api, user="user")["instances"] == 2
    assert show(api, user="other")["instances"] == show(api)["instances"] == 5


def test_quota_below_usage_needs_force(api, used):
    response = update(api, cores=1)
    assert response.status_int == 400
    assert "already used and reserved 2" in response.json["badRequest"]["message"]
    assert update(api, cores=1, force=True).status_int == 200
    assert update(api, cores=2).status_int == 200


def test_quota_details(api, used):
    shown = api.get(f"{SETS}/project/detail", version="2.96").json["quota_set"]
    assert shown["cores"] == {"limit": CONF.quota.cores, "in_use": 2, "reserved": 0}
    assert shown["key_pairs"]["in_use"] == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"cores": -2},
        {"cores": "x"},
        {"cores": 2**31},
        {"cores": 1.5},
        {"colour": 1},
        {"cores": "-5"},
        {"force": "perhaps"},
        {"injected_files": 1},
    ],
)
def test_invalid_quotas_are_refused(api, wrong):
    assert update(api, **wrong).status_int == 400


def test_quotas_by_role(api):
    assert api.get(f"{SETS}/project", token="user:project").status_int == 200
    assert api.get(f"{SETS}/project", token="user:other").status_int == 403
    assert update(api, token="user:project", cores=1).status_int == 403
    assert api.delete(f"{SETS}/project", token="user:project").status_int == 403


@pytest.mark.parametrize(
    ("version", "shown", "hidden"),
    [
        ("2.35", {"fixed_ips", "security_groups", "injected_file_path_bytes"}, set()),
        ("2.36", {"injected_files"}, {"fixed_ips", "security_groups"}),
        ("2.57", {"server_groups"}, {"injected_files", "injected_file_content_bytes"}),
    ],
)
def test_quota_fields_by_version(api, version, shown, hidden):
    keys = show(api, version=version).keys()
    assert shown <= keys
    assert not hidden & keys


NETWORKS = ("fixed_ips", "floating_ips", "security_groups", "security_group_rules")


@pytest.mark.parametrize("path", [SETS + "/project", SETS + "/project/defaults"])
def test_network_quotas_are_unlimited_until_2_36(api, path):
    shown = api.get(path, version="2.35").json["quota_set"]
    assert {name: shown[name] for name in NETWORKS} == dict.fromkeys(NETWORKS, -1)
    assert not set(NETWORKS) & api.get(path, version="2.36").json["quota_set"].keys()


def test_details_of_network_quotas_until_2_36(api, used):
    path = f"{SETS}/project/detail"
    shown = api.get(path, version="2.35").json["quota_set"]
    unlimited = {"limit": -1, "in_use": 0, "reserved": 0}
    assert {name: shown[name] for name in NETWORKS} == dict.fromkeys(NETWORKS, unlimited)
    assert not set(NETWORKS) & api.get(path, version="2.36").json["quota_set"].keys()


def test_network_quotas_of_a_class_until_2_50(api):
    path = "/os-quota-class-sets/default"
    shown = api.get(path, token=ADMIN, version="2.49").json["quota_class_set"]
    assert {name: shown[name] for name in NETWORKS} == dict.fromkeys(NETWORKS, -1)
    since = api.get(path, token=ADMIN, version="2.50").json["quota_class_set"]
    assert not set(NETWORKS) & since.keys()


def test_network_limits_until_2_36(api):
    expected = {
        "maxTotalFloatingIps": -1,
        "maxSecurityGroups": -1,
        "maxSecurityGroupRules": -1,
        "totalFloatingIpsUsed": 0,
        "totalSecurityGroupsUsed": 0,
    }
    shown = api.get("/limits", version="2.35").json["limits"]["absolute"]
    assert {name: shown.get(name) for name in expected} == expected
    since = api.get("/limits", version="2.36").json["limits"]["absolute"]
    assert not expected.keys() & since.keys()


def test_default_quota_class(api):
    path = "/os-quota-class-sets/default"
    body = {"quota_class_set": {"cores": 7}}
    assert api.put(path, body).status_int == 403
    assert api.get(path).status_int == 403
    response = api.put(path, body, token=ADMIN, version="2.57")
    assert response.json["quota_class_set"]["cores"] == 7
    assert api.get(path, token=ADMIN).json["quota_class_set"]["cores"] == 7
    assert show(api)["cores"] == 7
    update(api, cores=9)
    assert show(api)["cores"] == 9
    assert api.put(path, {"quota_class_set": {"cores": -2}}, token=ADMIN).status_int == 400
    assert api.put("/os-quota-class-sets/" + "x" * 65, body, token=ADMIN).status_int == 400


@pytest.mark.parametrize(
    ("version", "has_networks", "has_groups"), [("2.49", True, False), ("2.50", False, True)]
)
def test_quota_class_fields_by_version(api, version, has_networks, has_groups):
    shown = api.get("/os-quota-class-sets/default", token=ADMIN, version=version)
    keys = shown.json["quota_class_set"].keys()
    assert ("fixed_ips" in keys) == has_networks
    assert ("server_groups" in keys) == has_groups


def test_absolute_limits(api, used):
    update(api, cores=9)
    limits = api.get("/limits", version="2.96").json["limits"]
    assert limits["rate"] == []
    assert limits["absolute"] == {
        "maxTotalInstances": CONF.quota.instances,
        "maxTotalCores": 9,
        "maxTotalRAMSize": CONF.quota.ram,
        "maxTotalKeypairs": CONF.quota.key_pairs,
        "maxServerMeta": CONF.quota.metadata_items,
        "maxServerGroups": CONF.quota.server_groups,
        "maxServerGroupMembers": CONF.quota.server_group_members,
        "totalInstancesUsed": 1,
        "totalCoresUsed": 2,
        "totalRAMUsed": 512,
        "totalServerGroupsUsed": 0,
    }


def test_absolute_limits_of_another_project(api, used):
    path = "/limits?tenant_id=project"
    assert api.get(path, token="user:other").status_int == 403
    shown = api.get(path, token=ADMIN).json["limits"]["absolute"]
    assert shown["totalCoresUsed"] == 2


@pytest.mark.parametrize(
    ("version", "hidden"),
    [
        ("2.35", set()),
        ("2.36", {"maxSecurityGroups"}),
        ("2.39", {"maxSecurityGroups", "maxImageMeta"}),
        ("2.57", {"maxSecurityGroups", "maxImageMeta", "maxPersonality"}),
    ],
)
def test_absolute_limits_by_version(api, version, hidden):
    absolute = api.get("/limits", version=version).json["limits"]["absolute"]
    assert {"maxSecurityGroups", "maxImageMeta", "maxPersonality"} - absolute.keys() == hidden
