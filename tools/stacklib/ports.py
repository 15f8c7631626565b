"""Who listens where inside the node, and how to knock there."""

import ctypes
import os
import socket
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TypeVar

from stacklib.errors import StackError, Unhealthy
from stacklib.node import Node

RABBITMQ = 5672
MARIADB = 3306
MEMCACHED = 11211
KEYSTONE = 5000
GLANCE = 9292
NEUTRON = 9696
COMPUTE = 8774
METADATA = 8775
CINDER = 8776
CEPH = 3300
CEPH_V1 = 6789
ISCSI = 3260

CLONE_NEWNET = 0x40000000
SECONDS = 5.0
HTTP_SECONDS = 60.0

Result = TypeVar("Result")


def converse(node: Node, host: str, port: int, say: bytes) -> bytes:
    """Connect inside the node, send `say`, return the first bytes of the answer."""

    def talk() -> bytes:
        with socket.create_connection((host, port), timeout=SECONDS) as line:
            line.sendall(say)
            return line.recv(4096)

    return _within(node, talk)


def get(node: Node, port: int, path: str) -> tuple[int, bytes]:
    """Return (status, body) of an HTTP GET on the node's own address."""
    status, _, body = http(node, "GET", port, path, {}, None)
    return status, body


def http(
    node: Node,
    method: str,
    port: int,
    path: str,
    headers: Mapping[str, str],
    body: bytes | Path | None,
) -> tuple[int, Mapping[str, str], bytes]:
    """Return (status, headers, body) of one request to the node; a Path is sent as a stream."""

    def ask() -> tuple[int, Mapping[str, str], bytes]:
        line = HTTPConnection(node.address, port, timeout=HTTP_SECONDS)
        with closing(line), ExitStack() as open_files:
            content, more = body, {}
            if isinstance(body, Path):
                content = open_files.enter_context(body.open("rb"))
                more = {"Content-Length": str(body.stat().st_size)}
            line.request(method, path, content, {**headers, **more})
            answer = line.getresponse()
            return answer.status, answer.headers, answer.read()

    return _within(node, ask)


def _within(node: Node, function: Callable[[], Result]) -> Result:
    """Call `function` in a thread that has entered the node's network namespace."""
    outcome: list = []

    def enter() -> None:
        try:
            libc = ctypes.CDLL(None, use_errno=True)
            descriptor = os.open(f"/proc/{node.pid}/ns/net", os.O_RDONLY)
            try:
                if libc.setns(descriptor, CLONE_NEWNET):
                    raise StackError(f"cannot enter {node.name}: {os.strerror(ctypes.get_errno())}")
            finally:
                os.close(descriptor)
            outcome.append((function(), None))
        except Exception as error:
            outcome.append((None, error))

    thread = threading.Thread(target=enter)
    thread.start()
    thread.join()
    result, error = outcome[0]
    if isinstance(error, (OSError, HTTPException)):  # refused, reset, timed out, cut short
        raise Unhealthy(str(error)) from error
    if error:
        raise error
    return result
