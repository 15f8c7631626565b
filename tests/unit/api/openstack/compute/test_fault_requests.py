"""Who may request faults of the fake driver."""

import pytest

from nova_mini.conf import CONF

FAULT = {"fake:fail_spawn_on": "*"}


@pytest.fixture
def allow():
    """A function that sets who may request faults."""
    yield lambda who: CONF.set_override("faults", who, group="fake")
    CONF.clear_override("faults", group="fake")


def create(cloud, token: str) -> int:
    """The status of the answer."""
    body = cloud.body(metadata=FAULT, networks="none")
    return cloud.api.post("/servers", body, token=token, version="2.96").status_int


def test_only_administrators_request_faults(cloud, allow):
    allow("admins")
    assert create(cloud, "user:project") == 403
    assert create(cloud, "admin:project") == 202


@pytest.mark.parametrize("who", ["nobody", "everyone"])
def test_the_metadata_of_users_is_theirs_otherwise(cloud, allow, who):
    allow(who)
    assert create(cloud, "user:project") == 202


def test_users_add_no_faults_to_a_server(cloud, allow):
    server_id = cloud.boot()
    allow("admins")
    path = f"/servers/{server_id}/metadata"
    assert cloud.api.post(path, {"metadata": FAULT}).status_int == 403
    assert cloud.api.put(path, {"metadata": FAULT}).status_int == 403
    assert cloud.api.put(f"{path}/fake:deaf", {"meta": {"fake:deaf": "1"}}).status_int == 403
    rebuild = {"imageRef": cloud.body()["server"]["imageRef"], "metadata": FAULT}
    assert cloud.act(server_id, "rebuild", rebuild).status_int == 403
    assert cloud.api.get(path).json == {"metadata": {}}
    assert cloud.api.post(path, {"metadata": FAULT}, token="admin:project").status_int == 200
