"""Versioned notifications from requests: about aggregates, key pairs, server groups, flavors and
services."""

from __future__ import annotations

import pytest

from nova_mini.context import get_admin_context
from nova_mini.maintenance import service as maintenance
from nova_mini.objects.service import Service
from nova_mini.service import Manager
from nova_mini.service import Service as Daemon
from tests.unit.api.openstack.compute.conftest import make_host
from tests.unit.conftest import ADMIN
from tests.unit.versioned_notifications import versioned  # noqa: F401

KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5mNZ0hVdM0nqUsk4Hfrr2l4YxXrDPfdsGXZnDkvVGC somebody"


@pytest.fixture
def sent(api, versioned):  # noqa: F811
    return versioned


def events(sent) -> list[str]:
    return [each.event for each in sent]


def phases(*actions: str) -> list[str]:
    return [f"{action}.{phase}" for action in actions for phase in ("start", "end")]


def ask(api, method: str, path: str, body: dict | None = None, status: int = 200, **options):
    options.setdefault("token", ADMIN)
    arguments = (path,) if body is None else (path, body)
    response = getattr(api, method)(*arguments, **options)
    assert response.status_int == status, response.text
    return response.json if response.body else None


def test_aggregates(api, sent):
    make_host("h1")
    made = ask(api, "post", "/os-aggregates", {"aggregate": {"name": "a"}})["aggregate"]
    path = f"/os-aggregates/{made['id']}"
    ask(api, "post", f"{path}/action", {"add_host": {"host": "h1"}})
    ask(api, "post", f"{path}/action", {"set_metadata": {"metadata": {"ssd": "true"}}})
    both = {"name": "b", "availability_zone": "z"}
    ask(api, "put", path, {"aggregate": both})
    ask(api, "post", f"{path}/action", {"remove_host": {"host": "h1"}})
    ask(api, "delete", path)
    inside = phases("update_metadata")
    expected = [*phases("create", "add_host"), *inside, "update_prop.start", *inside]
    expected += ["update_prop.end", *phases("remove_host", "delete")]
    assert events(sent) == [f"aggregate.{each}" for each in expected]
    assert {(each.name, each.publisher.split(":")[0]) for each in sent} == {
        ("AggregatePayload", "nova-api")
    }
    start, end = sent[0].data, sent[1].data
    assert (start["id"], start["hosts"], start["name"]) == (None, None, "a")
    assert end["id"] == made["id"] and end["hosts"] == [] and end["uuid"] == start["uuid"]
    assert sent[3].data["hosts"] == ["h1"]
    assert sent[5].data["metadata"] == {"ssd": "true"}
    assert [each.data["name"] for each in sent[6:10]] == ["b"] * 4
    assert sent[9].data["metadata"] == {"ssd": "true", "availability_zone": "z"}


def test_what_fails_has_no_end(api, sent):
    ask(api, "post", "/os-aggregates", {"aggregate": {"name": "a"}})
    ask(api, "post", "/os-aggregates", {"aggregate": {"name": "a"}}, 409)
    assert events(sent) == ["aggregate.create.start", "aggregate.create.end"] + [
        "aggregate.create.start"
    ]


def test_key_pairs(api, sent):
    made = {"keypair": {"name": "made"}}
    ask(api, "post", "/os-keypairs", made, 201, version="2.2")
    imported = {"keypair": {"name": "mine", "public_key": KEY}}
    ask(api, "post", "/os-keypairs", imported, 201, version="2.2")
    ask(api, "delete", "/os-keypairs/mine", status=204, version="2.2")
    assert events(sent) == [f"keypair.{each}" for each in phases("create", "import", "delete")]
    generated, end, importing = (each.data for each in sent[:3])
    assert (generated["public_key"], generated["fingerprint"]) == (None, None)
    assert end["public_key"].startswith("ssh-rsa") and end["fingerprint"]
    assert importing["public_key"] == KEY
    assert set(end) == {"user_id", "name", "type", "public_key", "fingerprint"}


def test_server_groups(api, sent):
    body = {"server_group": {"name": "g", "policy": "anti-affinity"}}
    body["server_group"]["rules"] = {"max_server_per_host": 2}
    group = ask(api, "post", "/os-server-groups", body, version="2.64")["server_group"]
    ask(api, "delete", f"/os-server-groups/{group['id']}", status=204, version="2.64")
    assert events(sent) == ["server_group.create", "server_group.delete"]
    data = sent[0].data
    assert (data["policy"], data["policies"]) == ("anti-affinity", ["anti-affinity"])
    assert data["rules"] == {"max_server_per_host": "2"}
    assert (data["uuid"], data["members"], data["hosts"]) == (group["id"], [], None)


def test_flavors(api, sent):
    body = {"name": "f", "ram": 64, "vcpus": 1, "disk": 0, "id": "f1"}
    body["os-flavor-access:is_public"] = False
    ask(api, "post", "/flavors", {"flavor": body})
    access = {"addTenantAccess": {"tenant": "p"}}
    ask(api, "post", "/flavors/f1/action", access)
    ask(api, "put", "/flavors/f1", {"flavor": {"description": "d"}}, version="2.55")
    ask(api, "post", "/flavors/f1/os-extra_specs", {"extra_specs": {"a": "b"}})
    ask(api, "put", "/flavors/f1/os-extra_specs/a", {"a": "c"})
    ask(api, "delete", "/flavors/f1/os-extra_specs/a")
    ask(api, "post", "/flavors/f1/action", {"removeTenantAccess": {"tenant": "p"}})
    ask(api, "delete", "/flavors/f1", status=202)
    assert events(sent) == ["flavor.create", *["flavor.update"] * 6, "flavor.delete"]
    assert [each.data["projects"] for each in sent] == [[], *[["p"]] * 5, [], None]
    assert [each.data["extra_specs"] for each in sent[3:6]] == [{"a": "b"}, {"a": "c"}, {}]
    assert sent[2].data["description"] == "d"


def test_services(api, sent):
    make_host("h1")
    sent.clear()
    compute = Service.get_by_host_and_binary(get_admin_context(), "h1", "nova-mini-compute")
    path = f"/os-services/{compute.uuid}"
    off = {"status": "disabled", "disabled_reason": "old"}
    ask(api, "put", path, off, version="2.53")
    ask(api, "put", path, {"forced_down": True}, version="2.53")
    named = {"host": "h1", "binary": "nova-compute"}
    ask(api, "put", "/os-services/enable", named)
    ask(api, "delete", path, status=204, version="2.53")
    assert events(sent) == [*["service.update"] * 3, "service.delete"]
    assert {each.publisher for each in sent} == {"nova-compute:h1"}
    assert [each.data["disabled"] for each in sent] == [True, True, False, False]
    assert [each.data["disabled_reason"] for each in sent] == ["old", "old", None, None]
    assert [each.data["forced_down"] for each in sent] == [False, True, True, True]
    assert (sent[0].data["uuid"], sent[0].data["binary"]) == (compute.uuid, "nova-compute")


def test_a_drain_disables_a_service(sent):
    make_host("h1")
    sent.clear()
    assert maintenance.disable("h1")
    assert not maintenance.disable("h1")
    assert maintenance.restore("h1")
    assert [(each.event, each.data["disabled"]) for each in sent] == [
        ("service.update", True),
        ("service.update", False),
    ]


def test_a_new_service_is_reported_once(sent):
    for _ in range(2):
        Daemon("nova-mini-compute", "compute", "h9", lambda host, owner: Manager()).register()
    assert [(each.event, each.publisher) for each in sent] == [
        ("service.create", "nova-compute:h9")
    ]
