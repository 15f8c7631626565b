"""Swap a volume of a running server: done or undone, also when killed at every step."""

import pytest

from nova_mini import db, exception
from tests.unit.compute.cloud_in_one_process import Killed

DEVICE = "/dev/vdb"


@pytest.fixture
def attached(cloud, server, volume):
    cloud.attach(server, volume, tag="data", delete_on_termination=True)
    return volume


@pytest.fixture
def larger(cloud):
    return cloud.cinder.add_volume(size=5)


def swap(cloud, server, old, new) -> None:
    cloud.api.swap_volume(cloud.context, cloud.instance(server), old, new)
    cloud.deliver()


def in_use(cloud, server) -> str:
    """Return the only volume of the server, after checking guest, Cinder, record and actions."""
    assert cloud.unfinished() == []
    (mapping,) = cloud.bdms(server)
    (attachment,) = cloud.cinder.of_instance(server)
    volume = mapping["volume_id"]
    assert cloud.guest_volumes(server) == {DEVICE: volume}
    assert (mapping["attachment_id"], mapping["tag"]) == (attachment["id"], "data")
    assert mapping["volume_size"] == cloud.cinder.volumes[volume]["size"]
    assert (attachment["volume_id"], attachment["status"]) == (volume, "attached")
    assert cloud.cinder.status(volume) == "in-use"
    return volume


def test_swap(cloud, server, attached, larger):
    swap(cloud, server, attached, larger)
    assert in_use(cloud, server) == larger
    assert cloud.cinder.status(attached) == "available"
    swap(cloud, server, larger, cloud.cinder.add_volume(size=5))
    cloud.delete(server)
    assert cloud.cinder.attachments == {}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"size": 1}, "has 1 GiB, 2 GiB are needed"),
        ({"status": "in-use"}, "status must be available"),
        ({"encrypted": True}, "an encrypted volume cannot be swapped"),
    ],
)
def test_refused_new_volumes(cloud, server, attached, fields, error):
    new = cloud.cinder.add_volume(**{"size": 2, **fields})
    with pytest.raises(exception.Invalid, match=error):
        swap(cloud, server, attached, new)
    assert in_use(cloud, server) == attached


def test_a_volume_attached_to_several_servers_is_refused(cloud, server, attached, larger):
    cloud.cinder.attachments["other"] = {
        "id": "other",
        "volume_id": attached,
        "instance": "another",
        "status": "attached",
    }
    with pytest.raises(exception.MultiattachSwapVolumeNotSupported):
        swap(cloud, server, attached, larger)


def test_a_refused_reservation_leaves_the_old_volume(cloud, server, attached, larger):
    cloud.cinder.failures["POST", "/attachments"] = [(400, {"x": {"message": "no", "code": 400}})]
    with pytest.raises(exception.InvalidVolume):
        swap(cloud, server, attached, larger)
    assert in_use(cloud, server) == attached
    assert cloud.cinder.status(larger) == "available"


def test_a_copy_that_fails_leaves_the_old_volume(cloud, server, attached, larger, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.VolumeSwapFailed(volume_id=larger, reason="the copy ended")

    monkeypatch.setattr(cloud.manager.driver, "swap_volume", refuse)
    swap(cloud, server, attached, larger)
    assert in_use(cloud, server) == attached
    assert cloud.cinder.status(larger) == "available"
    assert "the copy ended" in db.instance_faults.get_latest_faults([server])[server]["message"]


def test_swap_is_done_although_cinder_is_down_at_the_reservation(cloud, server, attached, larger):
    cloud.cinder.lost_responses.append(("POST", "/attachments"))
    swap(cloud, server, attached, larger)
    cloud.recover()
    assert in_use(cloud, server) == larger


def test_swap_for_a_migration_of_cinder(cloud, server, attached, larger):
    cloud.cinder.volumes[attached]["migration_status"] = "migrating"
    swap(cloud, server, attached, larger)
    assert in_use_after_migration(cloud, server) == attached
    assert list(cloud.cinder.volumes) == [attached]


def test_a_failed_swap_is_reported_to_the_migration_of_cinder(
    cloud, server, attached, larger, monkeypatch
):
    def refuse(*args, **kwargs):
        raise exception.VolumeSwapFailed(volume_id=larger, reason="the copy ended")

    monkeypatch.setattr(cloud.manager.driver, "swap_volume", refuse)
    cloud.cinder.volumes[attached]["migration_status"] = "migrating"
    swap(cloud, server, attached, larger)
    assert in_use(cloud, server) == attached
    assert cloud.cinder.volumes[attached]["migration_status"] == "error"


def in_use_after_migration(cloud, server) -> str:
    """As :func:`in_use`, after a migration: the fake guest still shows the id of the new volume."""
    (mapping,) = cloud.bdms(server)
    guest = cloud.manager.driver._guests.find(server)
    guest.volumes = dict.fromkeys(guest.volumes, mapping["volume_id"])
    cloud.cinder.volumes[mapping["volume_id"]]["size"] = mapping["volume_size"]
    return in_use(cloud, server)


# -- killed at every step ------------------------------------------------------------------------


@pytest.mark.parametrize("migrating", [False, True])
def test_swap_killed_at_every_step_is_done_or_undone(cloud, server, migrating):
    def fresh():
        for mapping in cloud.bdms(server):
            cloud.detach(server, mapping["volume_id"])
        cloud.cinder.volumes.clear()
        old, new = cloud.cinder.add_volume(size=2), cloud.cinder.add_volume(size=2)
        cloud.attach(server, old, tag="data")
        if migrating:
            cloud.cinder.volumes[old]["migration_status"] = "migrating"
        return old, new

    old, new = fresh()
    cloud.steps.clear()
    swap(cloud, server, old, new)
    points = list(dict.fromkeys(cloud.steps))
    assert {"_Swap._commit", "_Swap._follow", "API.attachment_delete"} <= set(points)
    unchanged = []
    for point in points:
        old, new = fresh()
        cloud.kill_at(point)
        with pytest.raises(Killed):
            swap(cloud, server, old, new)
        cloud.recover()
        if migrating:
            in_use_after_migration(cloud, server)
            assert cloud.cinder.volumes.get(old, {}).get("migration_status") in (
                ("migrating", "success")
            )
        elif in_use(cloud, server) == old:
            unchanged.append(point)
        else:
            assert cloud.cinder.status(old) == "available", point
    # Before the intent is recorded, the request may be lost.
    assert set(unchanged) <= {"before API.swap_volume", "before API.get"}


def test_delete_during_a_swap_releases_both_volumes(cloud, server, attached, larger):
    cloud.kill_at("_Swap._reserve")
    with pytest.raises(Killed):
        swap(cloud, server, attached, larger)
    cloud.casts.clear()
    cloud.start_compute()
    cloud.delete(server)
    assert cloud.cinder.attachments == {}
    assert cloud.cinder.status(larger) == "available"
    assert attached not in cloud.cinder.volumes  # delete_on_termination


def test_a_swap_of_a_volume_that_was_detached_releases_both(cloud, server, attached, larger):
    other = cloud.cinder.add_volume()
    cloud.attach(server, other)
    cloud.api.swap_volume(cloud.context, cloud.instance(server), attached, larger)
    (mapping,) = (each for each in cloud.bdms(server) if each["volume_id"] == attached)
    db.block_device_mappings.destroy(mapping["id"])
    cloud.deliver()
    assert [each["volume_id"] for each in cloud.cinder.of_instance(server)] == [other]
    assert cloud.unfinished() == []
