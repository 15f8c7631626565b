"""``/os-security-groups``, ``/os-security-group-rules``."""

import pytest

from tests.unit.conftest import ADMIN

UUID = "e8debdc0-447a-4376-a10a-4cd9122d7986"
GROUPS, RULES = "/os-security-groups", "/os-security-group-rules"


@pytest.fixture
def group(neutron):
    neutron.add_security_group("foreign", "other")
    neutron.add_security_group("zebra", "project")
    return neutron.add_security_group("ape", "project")


def names(response) -> list[str]:
    return [each["name"] for each in response.json["security_groups"]]


def test_list_groups(api, group):
    assert names(api.get(GROUPS)) == ["ape", "zebra"]
    assert names(api.get(f"{GROUPS}?limit=1&offset=1")) == ["ape"]
    assert "foreign" not in names(api.get(f"{GROUPS}?all_tenants=1"))
    assert "foreign" in names(api.get(f"{GROUPS}?all_tenants=1", token=ADMIN))


def test_group_has_its_incoming_rules(api, neutron, group):
    from_group = neutron.add_rule(group, remote_group_id=group)
    neutron.add_rule(group, direction="egress")
    shown = api.get(f"{GROUPS}/{group}").json["security_group"]
    rule = {
        "id": from_group,
        "parent_group_id": group,
        "ip_protocol": None,
        "from_port": None,
        "to_port": None,
        "group": {"name": "ape", "tenant_id": "project"},
        "ip_range": {},
    }
    assert shown == {
        "id": group,
        "name": "ape",
        "description": "ape!",
        "tenant_id": "project",
        "rules": [rule],
    }


def test_create_update_and_delete_a_group(api, neutron):
    body = {"security_group": {"name": "web", "description": "d", "more": "ignored"}}
    made = api.post(GROUPS, body)
    assert made.status_int == 200, made.text
    group = made.json["security_group"]
    assert (group["name"], group["tenant_id"], group["rules"]) == ("web", "project", [])
    body["security_group"]["name"] = "other"
    changed = api.put(f"{GROUPS}/{group['id']}", body).json["security_group"]
    assert changed["name"] == neutron.security_groups[group["id"]]["name"] == "other"
    assert api.delete(f"{GROUPS}/{group['id']}").status_int == 202
    assert group["id"] not in neutron.security_groups


@pytest.mark.parametrize(
    "group", [{}, {"name": "n"}, {"name": "n" * 256, "description": "d"}, {"name": 1}]
)
def test_invalid_group(api, neutron, group):
    assert api.post(GROUPS, {"security_group": group}).status_int == 400


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_unknown_group(api, neutron, method):
    body = {"security_group": {"name": "n", "description": "d"}} if method == "PUT" else None
    assert api.request(method, f"{GROUPS}/{UUID}", body).status_int == 404
    assert api.request(method, f"{GROUPS}/no-uuid", body).status_int == 400


def test_refusals_of_neutron(api, neutron, group):
    body = {"security_group": {"name": "n", "description": "d"}}
    neutron.faults = [("POST", (409, "OverQuota")), ("DELETE", (409, "SecurityGroupInUse"))]
    assert api.post(GROUPS, body).status_int == 403
    assert api.delete(f"{GROUPS}/{group}").status_int == 400


@pytest.mark.parametrize(
    ("error", "status"), [("OverQuota", 403), ("SecurityGroupRuleExists", 400)]
)
def test_refused_rule(api, neutron, group, error, status):
    neutron.faults = [("POST", (409, error))]
    assert api.post(RULES, rule_of(group)).status_int == status


def rule_of(group, **fields) -> dict:
    rule = {"ip_protocol": "tcp", "from_port": 22, "to_port": "22", "cidr": "10.0.0.0/8"}
    return {"security_group_rule": {"parent_group_id": group, **rule, **fields}}


def test_create_and_delete_a_rule(api, neutron, group):
    made = api.post(RULES, rule_of(group))
    assert made.status_int == 200, made.text
    rule = made.json["security_group_rule"]
    (stored,) = neutron.security_group_rules.values()
    assert rule == {
        "id": stored["id"],
        "parent_group_id": group,
        "ip_protocol": "tcp",
        "from_port": 22,
        "to_port": 22,
        "group": {},
        "ip_range": {"cidr": "10.0.0.0/8"},
    }
    assert (stored["direction"], stored["ethertype"]) == ("ingress", "IPv4")
    assert api.delete(f"{RULES}/{rule['id']}").status_int == 202
    assert not neutron.security_group_rules
    assert api.delete(f"{RULES}/{rule['id']}").status_int == 404
    assert api.delete(f"{RULES}/no-uuid").status_int == 400


@pytest.mark.parametrize(
    ("fields", "stored"),
    [
        ({"cidr": "fd00::/8"}, {"ethertype": "IPv6", "remote_ip_prefix": "fd00::/8"}),
        ({"cidr": "10.2.3.124/24"}, {"remote_ip_prefix": "10.2.3.124/24"}),
        ({"cidr": None}, {"remote_ip_prefix": "0.0.0.0/0", "port_range_min": 22}),
        ({"from_port": -1, "to_port": -1}, {"port_range_min": None, "port_range_max": None}),
        (
            {"ip_protocol": "ICMP", "from_port": 8, "to_port": -1},
            {"protocol": "icmp", "port_range_min": 8, "port_range_max": None},
        ),
    ],
)
def test_rule_is_translated(api, neutron, group, fields, stored):
    assert api.post(RULES, rule_of(group, **fields)).status_int == 200
    (rule,) = neutron.security_group_rules.values()
    assert stored.items() <= rule.items()


def test_rule_for_a_group_needs_no_ports(api, neutron, group):
    fields = dict.fromkeys(("ip_protocol", "from_port", "to_port", "cidr"))
    made = api.post(RULES, rule_of(group, group_id=group, **fields))
    assert made.json["security_group_rule"]["group"] == {"name": "ape", "tenant_id": "project"}
    (rule,) = neutron.security_group_rules.values()
    assert (rule["remote_group_id"], rule["protocol"]) == (group, None)


@pytest.mark.parametrize(
    "fields",
    [
        {"from_port": None},
        {"ip_protocol": None},
        {"ip_protocol": "gre"},
        {"cidr": "300.0.0.0/8"},
        {"from_port": 80},
        {"to_port": 65536},
        {"to_port": "many"},
        {"ip_protocol": "icmp", "from_port": 256},
        {"parent_group_id": "no-uuid"},
    ],
)
def test_invalid_rule(api, neutron, group, fields):
    assert api.post(RULES, rule_of(group, **fields)).status_int == 400
    assert not neutron.security_group_rules


def test_rule_of_unknown_groups(api, neutron, group):
    assert api.post(RULES, rule_of(UUID)).status_int == 404
    assert api.post(RULES, rule_of(group, group_id=UUID)).status_int == 404


def test_readers_change_nothing(operators_file, api, neutron, group):
    operators_file('"os_compute_api:os-security-groups:create": "!"\n')
    body = {"security_group": {"name": "n", "description": "d"}}
    assert api.post(GROUPS, body).status_int == 403
    assert api.get(GROUPS).status_int == 200
