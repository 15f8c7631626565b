"""What conductors ask Ceph when a host is down: its blocklist, and who has images open."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator

import pytest

from nova_mini import exception
from nova_mini.conductor import ceph_client
from tests.integration.ceph.conftest import CEPH_CONF, POOL, direct

# Of networks for documentation: no client of the cluster has them.
ADDRESSES = ["192.0.2.77", "2001:db8::77"]
IMAGE = "a-server_disk"


@pytest.fixture
def conductor(pools, override) -> None:
    override("fence_ceph_user", "admin", "conductor")
    override("fence_ceph_conf", CEPH_CONF, "conductor")
    override("fence_timeout", 20, "conductor")


def blocked() -> set[str]:
    import rados

    with rados.Rados(conffile=CEPH_CONF) as cluster:
        request = json.dumps({"prefix": "osd blocklist ls", "format": "json"})
        code, answer, reason = cluster.mon_command(request, b"")
        assert code == 0, reason
    entries, _ = json.JSONDecoder().raw_decode(answer.decode().lstrip())
    return {each["addr"] for each in entries}


@contextlib.contextmanager
def image() -> Iterator:
    """An image that this process has open."""
    import rbd

    with direct() as ioctx:
        rbd.RBD().create(ioctx, IMAGE, 1 << 20)
        try:
            with rbd.Image(ioctx, IMAGE) as opened:
                yield opened
        finally:
            rbd.RBD().remove(ioctx, IMAGE)


def test_a_host_comes_to_the_blocklist_and_leaves_it(conductor):
    entries = {"192.0.2.77:0/0", "[2001:db8::77]:0/0"}
    for _ in range(2):
        ceph_client.add_to_blocklist(ADDRESSES)
        assert entries <= blocked()
    for _ in range(2):
        ceph_client.remove_from_blocklist(ADDRESSES)
        assert not entries & blocked()


def test_a_host_whose_client_has_an_image_open_is_seen(backend, conductor):
    with image():
        found = ceph_client.find_clients(POOL, [IMAGE, "no-server_disk"])
        assert found == set(backend.ceph.get_client_addresses())
    assert ceph_client.find_clients(POOL, ["no-server_disk"]) == set()


def test_a_user_who_may_not_is_refused(conductor, override):
    override("fence_ceph_user", "nobody", "conductor")
    with pytest.raises(exception.CephUnavailable):
        ceph_client.add_to_blocklist(ADDRESSES)
