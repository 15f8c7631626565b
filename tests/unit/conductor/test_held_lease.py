"""A lease for one piece of work."""

from __future__ import annotations

import time

import pytest

from nova_mini import db, exception
from nova_mini.conductor import held_lease


@pytest.fixture(autouse=True)
def short(database, monkeypatch):
    monkeypatch.setattr(held_lease, "_SECONDS", 2)
    monkeypatch.setattr(held_lease, "_RENEWAL", 0.2)


def test_it_is_held_longer_than_it_lasts():
    with held_lease.hold("fence h1", 0, "fences h1"):
        time.sleep(4)
        assert not db.leases.take("fence h1", "another", 1)
    assert db.leases.take("fence h1", "another", 1)


def test_a_second_holder_waits_and_then_gives_up():
    with (
        held_lease.hold("fence h1", 0, "fences h1"),
        pytest.raises(exception.ActionInterrupted, match="another process fences h1"),
        held_lease.hold("fence h1", 0.3, "fences h1"),
    ):
        pytest.fail("two hold it")


def test_it_is_free_soon_after_its_holder_has_died():
    db.leases.take("fence h1", "a dead conductor", 2)
    with held_lease.hold("fence h1", 6, "fences h1"):
        assert not db.leases.take("fence h1", "another", 1)


def test_it_is_free_after_an_error():
    with pytest.raises(ValueError, match="x"), held_lease.hold("fence h1", 0, "fences h1"):
        raise ValueError("x")
    assert db.leases.take("fence h1", "another", 1)
