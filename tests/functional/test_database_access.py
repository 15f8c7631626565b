"""A compute has neither the address of the database nor a connection to it."""

from __future__ import annotations

import os
import pathlib


def _sockets(pid: int) -> set[str]:
    links = [os.readlink(entry) for entry in pathlib.Path(f"/proc/{pid}/fd").iterdir()]
    return {link[len("socket:[") : -1] for link in links if link.startswith("socket:[")}


def _connections_to(port: int, pid: int) -> int:
    """The number of TCP connections of the process to a loopback port."""
    inodes = _sockets(pid)
    remote = f":{port:04X}"
    rows = [line.split() for line in pathlib.Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(1 for row in rows if row[2].endswith(remote) and row[9] in inodes)


def test_only_the_control_plane_is_connected(cloud, engines, project):
    project.boot()
    port = engines.mariadb.port
    assert _connections_to(port, cloud.conductor.process.pid) > 0
    for compute in cloud.computes.values():
        assert _connections_to(port, compute.process.pid) == 0


def test_a_compute_does_not_get_the_address_of_the_database(cloud):
    for compute in cloud.computes.values():
        arguments = pathlib.Path(f"/proc/{compute.process.pid}/cmdline").read_text().split("\0")
        files = [word.partition("=")[2] for word in arguments if word.startswith("--config-file")]
        assert files
        assert not any("mysql" in pathlib.Path(file).read_text() for file in files)
