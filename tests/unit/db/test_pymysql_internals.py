"""The private part of PyMySQL that db.pymysql_internals uses."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Iterator

import pymysql
import pytest

from nova_mini.db import engine, pymysql_internals

_STATUS = 2  # autocommit
_GREETING = (
    b"\x0a8.0\0"
    + struct.pack("<I8sx", 1, b"saltsalt")
    + struct.pack("<HBHHB10x", 0xA207, 45, _STATUS, 0x0008, 21)
    + b"saltsaltsalt\0mysql_native_password\0"
)
_OK = b"\0\0\0" + struct.pack("<HH", _STATUS, 0)


def _packet(number: int, payload: bytes) -> bytes:
    return struct.pack("<I", len(payload))[:3] + bytes([number]) + payload


def _serve(server: socket.socket) -> None:
    """A MySQL server that accepts every login and answers every query with OK."""
    server.sendall(_packet(0, _GREETING))
    server.recv(4096)
    server.sendall(_packet(2, _OK))
    while server.recv(4096):
        server.sendall(_packet(1, _OK))
    server.close()


@pytest.fixture
def client() -> Iterator[socket.socket]:
    client, server = socket.socketpair()
    thread = threading.Thread(target=_serve, args=(server,), daemon=True)
    thread.start()
    yield client
    client.close()
    thread.join(5)


@pytest.fixture
def connection(client) -> pymysql.Connection:
    made = pymysql.Connection(user="u", password="", ssl_disabled=True, defer_connect=True)
    made.connect(client)
    return made


def test_the_socket_of_a_connection(connection, client):
    assert pymysql_internals.socket_of(connection) is client


def test_an_idle_connection_is_open_until_the_server_closes_it(connection, client):
    assert not engine._is_closed(connection)
    client.shutdown(socket.SHUT_WR)  # the server closes its side then
    client.settimeout(5)
    assert client.recv(1, socket.MSG_PEEK) == b""
    assert engine._is_closed(connection)
