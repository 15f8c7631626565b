"""``/servers/{id}/shares``: no host can attach a share."""

import pytest

from nova_mini.states import vm_states
from tests.unit.conftest import ADMIN

SHARE = "e8debdc0-447a-4376-a10a-4cd9122d7986"
BODY = {"share": {"share_id": SHARE, "tag": "data"}}


def test_server_has_no_shares(cloud):
    path = f"/servers/{cloud.boot()}/shares"
    listed = cloud.api.get(path, version="2.97")
    assert (listed.status_int, listed.json) == (200, {"shares": []})
    shown = cloud.api.get(f"{path}/{SHARE}", version="2.97")
    assert shown.status_int == 404
    assert SHARE in shown.json["itemNotFound"]["message"]


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_shares_began_in_2_97(cloud, method):
    path = f"/servers/{cloud.boot()}/shares"
    assert cloud.api.request(method, path, BODY, version="2.96").status_int == 404


@pytest.mark.parametrize("method", ["GET", "DELETE"])
def test_one_share_began_in_2_97(cloud, method):
    path = f"/servers/{cloud.boot()}/shares/{SHARE}"
    answer = cloud.api.request(method, path, version="2.96")
    assert "API version 2.96" in answer.json["itemNotFound"]["message"]


@pytest.mark.parametrize(
    ("vm_state", "attach", "detach"),
    [
        (vm_states.ACTIVE, "vm_state active", "vm_state active"),
        (vm_states.STOPPED, "virtiofs", None),
        (vm_states.ERROR, "vm_state error", None),
    ],
)
def test_attach_is_refused(cloud, vm_state, attach, detach):
    """``detach`` None: the state is accepted, and the share does not exist."""
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state)
    path = f"/servers/{server_id}/shares"
    refused = cloud.api.post(path, BODY, version="2.97")
    assert refused.status_int == 409
    assert attach in refused.json["conflictingRequest"]["message"]
    deleted = cloud.api.delete(f"{path}/{SHARE}", version="2.97")
    assert deleted.status_int == (409 if detach else 404)
    if detach:
        assert detach in deleted.json["conflictingRequest"]["message"]


@pytest.mark.parametrize(
    "share", [{}, {"share_id": "no-uuid"}, {"share_id": SHARE, "tag": "a b"}, {"tag": "data"}]
)
def test_invalid_share_is_refused(cloud, share):
    path = f"/servers/{cloud.boot()}/shares"
    assert cloud.api.post(path, {"share": share}, version="2.97").status_int == 400


def test_unknown_query_is_refused(cloud):
    path = f"/servers/{cloud.boot()}/shares"
    assert cloud.api.get(f"{path}?colour=red", version="2.97").status_int == 400


def test_shares_of_another_project_are_hidden(cloud):
    path = f"/servers/{cloud.boot()}/shares"
    for method, below in (("GET", ""), ("POST", ""), ("GET", f"/{SHARE}"), ("DELETE", f"/{SHARE}")):
        body = BODY if method == "POST" else None
        sent = {"version": "2.97", "token": "user:other"}
        assert cloud.api.request(method, path + below, body, **sent).status_int == 404
    assert cloud.api.get(path, version="2.97", token=ADMIN).status_int == 200
