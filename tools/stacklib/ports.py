"""The ports of the services inside the node, and requests to them."""

import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from typing import TypeVar

from stacklib import namespaces
from stacklib.errors import Unhealthy
from stacklib.node import Node

SSH = 22
RABBITMQ = 5672
MARIADB = 3306
MEMCACHED = 11211
KEYSTONE = 5000
GLANCE = 9292
NEUTRON = 9696
NOVNC = 6080
SERIAL_CONSOLE = 6083
COMPUTE = 8774
METADATA = 8775
CINDER = 8776
BARBICAN = 9311
CEPH = 3300
CEPH_V1 = 6789
ISCSI = 3260

SECONDS = 5.0
HTTP_SECONDS = 60.0

Result = TypeVar("Result")


def converse(node: Node, host: str, port: int, say: bytes) -> bytes:
    """Connect to a port inside the node, send `say`, and return the first bytes of the answer."""

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
    """Return (status, headers, body) of a request to the node. A Path as body is sent as a
    stream."""

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
    """Call `function` in the network of the node; raise Unhealthy when its connection fails."""
    if not node.pid:
        raise Unhealthy(f"node {node.name} is down")
    try:
        return namespaces.call(node.pid, "net", function)
    except (OSError, HTTPException) as error:  # refused, reset, timed out, cut short
        raise Unhealthy(str(error)) from error
