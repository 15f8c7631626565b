"""The password of a guest, and a crash dump: what the host does, and what a kill leaves."""

from __future__ import annotations

import base64

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding

from nova_mini import crypto, db, exception
from nova_mini.objects import guest_password
from tests.unit.compute.cloud_in_one_process import Killed

PRIVATE, PUBLIC = crypto.generate("ssh", "user")


def console(cloud, server) -> str:
    return cloud.manager.driver._guests.find(server).console


def stored(server) -> str:
    return guest_password.extract(db.instances.get_by_uuid(server)["system_metadata"])


def decrypted(text: str) -> str:
    key = serialization.load_pem_private_key(PRIVATE.encode(), None)
    return key.decrypt(base64.b64decode(text), padding.PKCS1v15()).decode()


def test_the_owner_of_the_key_reads_the_password(cloud, server):
    cloud.set(server, key_data=PUBLIC)
    cloud.request("set_admin_password", server, "s3cret")
    assert "password of the administrator was changed" in console(cloud, server)
    assert "s3cret" not in console(cloud, server)
    assert decrypted(stored(server)) == "s3cret"
    assert cloud.instance(server).task_state is None
    cloud.request("set_admin_password", server, "other")
    assert decrypted(stored(server)) == "other"


@pytest.mark.parametrize("key", [None, "", "ssh-ed25519 AAAA", "no key"])
def test_a_key_that_cannot_encrypt_stores_nothing(cloud, server, key):
    cloud.set(server, key_data=key)
    cloud.request("set_admin_password", server, "s3cret")
    assert stored(server) == ""


def test_a_text_that_is_too_long_for_the_key_is_not_encrypted():
    assert crypto.encrypt_for(PUBLIC, "x" * 300) is None


def test_a_guest_that_does_not_answer(cloud, server):
    cloud.set(server, metadata={"fake:deaf": "yes"})
    with pytest.raises(exception.GuestAgentUnresponsive):
        cloud.request("set_admin_password", server, "s3cret")
    assert cloud.instance(server).task_state is None
    assert cloud.instance(server).vm_state == "active"
    rows = db.actions.get_by_instance(server)
    assert rows[0]["finish_time"] and "s3cret" not in str([dict(row) for row in rows])


def test_killed_at_every_step_the_password_is_set_and_erased(cloud, server):
    cloud.steps.clear()
    cloud.request("set_admin_password", server, "s3cret")
    points = list(dict.fromkeys(cloud.steps))
    points = points[points.index("before ComputeManager.set_admin_password") :]
    assert len(points) > 3
    for point in points:
        before = console(cloud, server)
        cloud.kill_at(point)
        with pytest.raises(Killed):
            cloud.request("set_admin_password", server, "s3cret")
        cloud.recover()
        assert len(console(cloud, server)) > len(before), point
        assert cloud.instance(server).task_state is None
        assert cloud.unfinished() == []
        rows = db.actions.get_by_instance(server)
        assert "s3cret" not in str([dict(row) for row in rows]), point


def test_a_crash_dump_is_triggered_once_also_after_a_kill(cloud, server):
    cloud.request("trigger_crash_dump", server)
    assert console(cloud, server).count("non-maskable interrupt") == 1
    cloud.kill_at("FakeDriver.trigger_crash_dump")
    with pytest.raises(Killed):
        cloud.request("trigger_crash_dump", server)
    cloud.recover()
    assert console(cloud, server).count("non-maskable interrupt") == 2
    assert cloud.unfinished() == []
    assert cloud.instance(server).vm_state == "active"
