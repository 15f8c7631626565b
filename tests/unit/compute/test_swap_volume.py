"""One volume in the place of another, under a server that runs: whole, or not at all."""

import pytest

from nova_mini import db, exception
from tests.unit.compute.world import Killed

DEVICE = "/dev/vdb"


@pytest.fixture
def attached(world, server, volume):
    world.attach(server, volume, tag="data", delete_on_termination=True)
    return volume


@pytest.fixture
def larger(world):
    return world.cinder.add_volume(size=5)


def swap(world, server, old, new) -> None:
    world.api.swap_volume(world.context, world.instance(server), old, new)
    world.deliver()


def in_use(world, server) -> str:
    """The one volume of the server: in its guest, in Cinder and on record; and nobody at work."""
    assert world.unfinished() == []
    (mapping,) = world.bdms(server)
    (attachment,) = world.cinder.of_instance(server)
    volume = mapping["volume_id"]
    assert world.guest_volumes(server) == {DEVICE: volume}
    assert (mapping["attachment_id"], mapping["tag"]) == (attachment["id"], "data")
    assert mapping["volume_size"] == world.cinder.volumes[volume]["size"]
    assert (attachment["volume_id"], attachment["status"]) == (volume, "attached")
    assert world.cinder.status(volume) == "in-use"
    return volume


def test_swap(world, server, attached, larger):
    swap(world, server, attached, larger)
    assert in_use(world, server) == larger
    assert world.cinder.status(attached) == "available"
    swap(world, server, larger, world.cinder.add_volume(size=5))
    world.delete(server)
    assert world.cinder.attachments == {}


@pytest.mark.parametrize(
    ("fields", "error"),
    [
        ({"size": 1}, "has 1 GiB, and 2 are needed"),
        ({"status": "in-use"}, "status must be available"),
        ({"encrypted": True}, "encrypted"),
    ],
)
def test_which_volumes_cannot_take_the_place(world, server, attached, fields, error):
    new = world.cinder.add_volume(**{"size": 2, **fields})
    with pytest.raises(exception.Invalid, match=error):
        swap(world, server, attached, new)
    assert in_use(world, server) == attached


def test_a_volume_with_several_servers_stays(world, server, attached, larger):
    world.cinder.attachments["other"] = {
        "id": "other", "volume_id": attached, "instance": "another", "status": "attached"
    }  # fmt: skip
    with pytest.raises(exception.MultiattachSwapVolumeNotSupported):
        swap(world, server, attached, larger)


def test_a_refused_reservation_leaves_the_old_volume(world, server, attached, larger):
    world.cinder.failures["POST", "/attachments"] = [(400, {"x": {"message": "no", "code": 400}})]
    with pytest.raises(exception.InvalidVolume):
        swap(world, server, attached, larger)
    assert in_use(world, server) == attached
    assert world.cinder.status(larger) == "available"


def test_a_copy_that_fails_leaves_the_old_volume(world, server, attached, larger, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.VolumeSwapFailed(volume_id=larger, reason="the copy ended")

    monkeypatch.setattr(world.manager.driver, "swap_volume", refuse)
    swap(world, server, attached, larger)
    assert in_use(world, server) == attached
    assert world.cinder.status(larger) == "available"
    assert "the copy ended" in db.instances.get_latest_faults([server])[server]["message"]


def test_cinder_away_at_the_reservation_is_only_a_pause(world, server, attached, larger):
    world.cinder.lost_answers.append(("POST", "/attachments"))
    swap(world, server, attached, larger)
    world.recover()
    assert in_use(world, server) == larger


def test_cinder_moves_a_volume(world, server, attached, larger):
    world.cinder.volumes[attached]["migration_status"] = "migrating"
    swap(world, server, attached, larger)
    assert in_use_after_migration(world, server) == attached
    assert list(world.cinder.volumes) == [attached]


def test_cinder_is_told_when_a_volume_cannot_be_moved(world, server, attached, larger, monkeypatch):
    def refuse(*args, **kwargs):
        raise exception.VolumeSwapFailed(volume_id=larger, reason="the copy ended")

    monkeypatch.setattr(world.manager.driver, "swap_volume", refuse)
    world.cinder.volumes[attached]["migration_status"] = "migrating"
    swap(world, server, attached, larger)
    assert in_use(world, server) == attached
    assert world.cinder.volumes[attached]["migration_status"] == "error"


def in_use_after_migration(world, server) -> str:
    """As above; the guest of the fake driver goes on under the id of the place it is in."""
    (mapping,) = world.bdms(server)
    guest = world.manager.driver._guests.find(server)
    guest.volumes = dict.fromkeys(guest.volumes, mapping["volume_id"])
    world.cinder.volumes[mapping["volume_id"]]["size"] = mapping["volume_size"]
    return in_use(world, server)


# -- killed at every step ------------------------------------------------------------------------


@pytest.mark.parametrize("migrating", [False, True])
def test_killed_at_every_step_ends_whole_or_not_at_all(world, server, migrating):
    def fresh():
        for mapping in world.bdms(server):
            world.detach(server, mapping["volume_id"])
        world.cinder.volumes.clear()
        old, new = world.cinder.add_volume(size=2), world.cinder.add_volume(size=2)
        world.attach(server, old, tag="data")
        if migrating:
            world.cinder.volumes[old]["migration_status"] = "migrating"
        return old, new

    old, new = fresh()
    world.steps.clear()
    swap(world, server, old, new)
    moments = list(dict.fromkeys(world.steps))
    assert {"_Swap._commit", "_Swap._follow", "API.attachment_delete"} <= set(moments)
    kept = []
    for moment in moments:
        old, new = fresh()
        world.strike(moment)
        with pytest.raises(Killed):
            swap(world, server, old, new)
        world.recover()
        if migrating:
            in_use_after_migration(world, server)
            assert world.cinder.volumes.get(old, {}).get("migration_status") in (
                ("migrating", "success")
            )
        elif in_use(world, server) == old:
            kept.append(moment)
        else:
            assert world.cinder.status(old) == "available", moment
    # Nothing was promised to whom no intent is on record.
    assert set(kept) <= {"before API.swap_volume", "before API.get"}


def test_a_server_that_goes_in_the_middle_takes_everything_along(world, server, attached, larger):
    world.strike("_Swap._reserve")
    with pytest.raises(Killed):
        swap(world, server, attached, larger)
    world.casts.clear()
    world.start_compute()
    world.delete(server)
    assert world.cinder.attachments == {}
    assert world.cinder.status(larger) == "available"
    assert attached not in world.cinder.volumes  # which was to go with its server
