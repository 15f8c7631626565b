"""The password that a guest has stored at the metadata service."""

from __future__ import annotations

from nova_mini.context import get_admin_context
from nova_mini.objects import guest_password
from nova_mini.objects.instance import Instance

SECRET = "cipher text " * 60  # more than one piece


def test_a_stored_password_is_shown_and_removed(cloud):
    server_id = cloud.boot()
    path = f"/servers/{server_id}/os-server-password"
    assert cloud.api.get(path).json == {"password": ""}
    assert guest_password.store(get_admin_context(), server_id, SECRET)
    assert not guest_password.store(get_admin_context(), server_id, "another")
    assert cloud.api.get(path).json == {"password": SECRET}
    for _ in range(2):
        answer = cloud.api.request("DELETE", path)
        assert (answer.status_int, answer.body) == (204, b"")
    assert cloud.api.get(path).json == {"password": ""}
    assert "password_0" not in cloud.row(server_id)["system_metadata"]
    assert guest_password.store(get_admin_context(), server_id, "another")
    assert cloud.api.get(path).json == {"password": "another"}


def test_other_projects_and_readers(cloud):
    server_id = cloud.boot()
    path = f"/servers/{server_id}/os-server-password"
    for method in ("GET", "DELETE"):
        assert cloud.api.request(method, path, token="user:other").status_int == 404


def test_a_concurrent_change_is_not_lost(cloud, monkeypatch):
    server_id = cloud.boot()
    save, others = Instance.save, [{"tenant": "a"}, {"tenant": "b"}]

    def save_after_another(instance, *args, **kwargs):
        if others and "password_0" in instance.system_metadata:
            other = Instance.get_by_uuid(get_admin_context(), server_id)
            other.change_system_metadata(others.pop())
            save(other)
        return save(instance, *args, **kwargs)

    monkeypatch.setattr(Instance, "save", save_after_another)
    assert guest_password.store(get_admin_context(), server_id, SECRET)
    found = Instance.get_by_uuid(get_admin_context(), server_id).system_metadata
    assert guest_password.extract(found) == SECRET
    assert found["tenant"] == "a"
