"""The swap disk is made anew by a resize, and comes back with a revert."""

from __future__ import annotations

import types

import pytest

from nova_mini.virt.libvirt import utils
from nova_mini.virt.libvirt.imagebackend.file import Backend
from nova_mini.virt.libvirt.moved_disks import MovedDisks
from nova_mini.virt.libvirt.moved_swap import MovedSwap
from tests import servers


@pytest.fixture
def instance():
    made = servers.make_instance()
    utils.get_instance_path(made).mkdir()
    return made


def moved(instance, old: int, new: int) -> MovedSwap:
    flavors = [servers.make_flavor(swap=size) for size in (old, new)]
    migration = types.SimpleNamespace(old_flavor=flavors[0], new_flavor=flavors[1])
    return MovedSwap(Backend("raw"), instance, migration)


def content(instance) -> dict[str, str]:
    return {each.name: each.read_text() for each in utils.get_instance_path(instance).iterdir()}


def write(instance, text: str) -> None:
    utils.get_instance_path(instance, "disk.swap").write_text(text)


@pytest.mark.parametrize("new", [2, 0])
def test_the_old_disk_comes_back(instance, new):
    swap = moved(instance, 1, new)
    write(instance, "old")
    for _ in range(2):
        swap.set_aside()
    assert content(instance) == {"disk.swap.before_resize": "old"}
    if new:
        write(instance, "new")
    for _ in range(2):
        swap.put_back()
    assert content(instance) == {"disk.swap": "old"}


def test_without_an_old_disk_the_new_one_is_removed(instance):
    swap = moved(instance, 0, 1)
    swap.set_aside()
    write(instance, "new")
    for _ in range(2):
        swap.put_back()
    assert content(instance) == {}


def test_a_confirmed_resize_removes_the_old_disk(instance):
    swap = moved(instance, 1, 2)
    write(instance, "old")
    swap.set_aside()
    write(instance, "new")
    for _ in range(2):
        swap.discard_old()
    assert content(instance) == {"disk.swap": "new"}


def test_the_old_disk_of_an_earlier_resize_is_replaced(instance):
    utils.get_instance_path(instance, "disk.swap.before_resize").write_text("earlier")
    write(instance, "old")
    moved(instance, 1, 2).set_aside()
    assert content(instance) == {"disk.swap.before_resize": "old"}


def test_a_swap_disk_of_the_same_size_is_kept(instance):
    swap = moved(instance, 1, 1)
    write(instance, "old")
    for step in (swap.set_aside, swap.put_back, swap.discard_old):
        step()
        assert content(instance) == {"disk.swap": "old"}


def test_a_resize_on_one_host_and_its_revert(instance):
    """All disks together, as the driver calls it."""
    for name in ("disk", "disk.swap"):
        utils.get_instance_path(instance, name).write_text("old")
    migration = types.SimpleNamespace(
        uuid="1",
        is_same_host=True,
        is_resize=True,
        old_flavor=servers.make_flavor(swap=1),
        new_flavor=servers.make_flavor(swap=2),
    )
    disks = MovedDisks(Backend("raw"), instance, migration, None)
    disks.check()
    disks.keep_for_revert()
    disks.offer()
    assert "disk.swap" not in content(instance)
    for name in ("disk", "disk.swap"):
        utils.get_instance_path(instance, name).write_text("new")
    disks.revert()
    disks.discard_revert_copy()
    assert content(instance) == {"disk": "old", "disk.swap": "old"}
