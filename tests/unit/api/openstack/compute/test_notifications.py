"""Notifications about key pairs and aggregates, from the requests of the API."""

from __future__ import annotations

import pytest

from tests.unit.bus import bus  # noqa: F401
from tests.unit.conftest import ADMIN


@pytest.fixture
def sent(bus):  # noqa: F811
    """The events, each with its payload, in their order."""
    return bus.notifications


def test_key_pairs(api, sent):
    for body in ({"name": "made"}, {"name": "taken", "public_key": PUBLIC_KEY}):
        assert api.post("/os-keypairs", {"keypair": body}, version="2.2").status_int == 201
    assert api.delete("/os-keypairs/made", version="2.2").status_int == 204
    assert [event for event, _payload in sent] == [
        "keypair.create.start",
        "keypair.create.end",
        "keypair.import.start",
        "keypair.import.end",
        "keypair.delete.start",
        "keypair.delete.end",
    ]
    assert sent[0][1] == {"tenant_id": "project", "user_id": "user", "key_name": "made"}


def test_a_key_pair_that_exists_has_no_end(api, sent):
    body = {"keypair": {"name": "key", "public_key": PUBLIC_KEY}}
    api.post("/os-keypairs", body)
    assert api.post("/os-keypairs", body).status_int == 409
    assert [event for event, _payload in sent][2:] == ["keypair.import.start"]


def test_aggregates(api, sent):
    def post(path, body):
        response = api.post(path, body, token=ADMIN)
        assert response.status_int == 200
        return response.json["aggregate"]

    number = post("/os-aggregates", {"aggregate": {"name": "fast"}})["id"]
    path = f"/os-aggregates/{number}"
    post(f"{path}/action", {"set_metadata": {"metadata": {"ssd": "true"}}})
    assert api.put(path, {"aggregate": {"name": "faster"}}, token=ADMIN).status_int == 200
    assert api.delete(path, token=ADMIN).status_int == 200
    assert sent == [
        ("aggregate.create.start", {"name": "fast", "meta_data": {}}),
        ("aggregate.create.end", {"name": "fast", "meta_data": {}, "aggregate_id": number}),
        *(
            (f"aggregate.updatemetadata.{end}", {"meta_data": {"ssd": "true"}, **of(number)})
            for end in ("start", "end")
        ),
        *(
            (f"aggregate.updateprop.{end}", {"name": "faster", **of(number)})
            for end in ("start", "end")
        ),
        *((f"aggregate.delete.{end}", of(number)) for end in ("start", "end")),
    ]


def of(number: int) -> dict:
    return {"aggregate_id": number}


PUBLIC_KEY = (
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5mNZ0hVdM0nqUsk4Hfrr2l4YxXrDPfdsGXZnDkvVGC somebody"
)
