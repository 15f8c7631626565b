"""The consoles of the fake driver's guests: TCP servers on loopback, each for one console.

A serial console sends the guest's console log, and adds to it what is typed. A VNC console shows a
grey screen, and adds the pressed keys to the log. A SPICE console accepts connections, and answers
nothing.
"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import struct
import threading
from collections.abc import Callable

from nova_mini.virt.consoles import ConsoleAddress, ConsoleKind

_LOOPBACK = "127.0.0.1"
_WIDTH, _HEIGHT = 64, 48
_GREY = 0x80
# 32 bits per pixel, depth 24, little endian, true colour; maxima and shifts of red, green, blue.
_PIXEL_FORMAT = struct.pack("!BBBBHHHBBBxxx", 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
# Types of messages of an RFB client (RFC 6143, 7.5), and the lengths of what follows the type.
_SET_PIXEL_FORMAT, _SET_ENCODINGS, _UPDATE_REQUEST, _KEY, _POINTER, _CUT_TEXT = 0, 2, 3, 4, 5, 6
_LENGTHS = {
    _SET_PIXEL_FORMAT: 19,
    _SET_ENCODINGS: 3,
    _UPDATE_REQUEST: 9,
    _KEY: 7,
    _POINTER: 5,
    _CUT_TEXT: 7,
}


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, handler: type[_Console], read: Callable[[], str], log: Callable):
        self.read, self.log = read, log
        self.open: set[socket.socket] = set()
        super().__init__((_LOOPBACK, 0), handler)


class _Console(socketserver.BaseRequestHandler):
    server: _Server
    request: socket.socket

    def handle(self) -> None:
        self.server.open.add(self.request)
        with contextlib.suppress(OSError):  # the user has left, or the guest has stopped
            self.talk()
        self.server.open.discard(self.request)

    def talk(self) -> None:
        while self.request.recv(4096):
            pass


class _Serial(_Console):
    def talk(self) -> None:
        self.request.sendall(self.server.read().replace("\n", "\r\n").encode())
        typed = b""
        while data := self.request.recv(4096):
            self.request.sendall(data)
            *lines, typed = (typed + data).replace(b"\r", b"\n").split(b"\n")
            for line in filter(None, lines):
                self.server.log(f"typed: {line.decode('utf-8', 'replace')}")


class _Vnc(_Console):
    bytes_per_pixel = 4

    def talk(self) -> None:
        self.request.sendall(b"RFB 003.008\n")
        self._receive(12)
        self.request.sendall(bytes((1, 1)))  # one security type: none
        self._receive(1)
        self.request.sendall(struct.pack("!I", 0))
        self._receive(1)
        name = b"fake guest"
        size = struct.pack("!HH", _WIDTH, _HEIGHT)
        self.request.sendall(size + _PIXEL_FORMAT + struct.pack("!I", len(name)) + name)
        while True:
            self._answer(self._receive(1)[0])

    def _answer(self, kind: int) -> None:
        message = self._receive(_LENGTHS[kind])
        if kind == _SET_PIXEL_FORMAT:
            self.bytes_per_pixel = message[3] // 8
        elif kind == _SET_ENCODINGS:
            self._receive(4 * struct.unpack("!xH", message)[0])
        elif kind == _CUT_TEXT:
            self._receive(struct.unpack("!xxxI", message)[0])
        elif kind == _KEY and message[0]:
            self.server.log(f"key {struct.unpack('!xxxI', message)[0]:#x}")
        elif kind == _UPDATE_REQUEST and not message[0]:  # the screen never changes
            self._send_screen()

    def _send_screen(self) -> None:
        rectangle = struct.pack("!BxHHHHHi", 0, 1, 0, 0, _WIDTH, _HEIGHT, 0)
        self.request.sendall(rectangle + bytes([_GREY]) * (_WIDTH * _HEIGHT * self.bytes_per_pixel))

    def _receive(self, count: int) -> bytes:
        data = b""
        while len(data) < count:
            part = self.request.recv(count - len(data))
            if not part:
                raise ConnectionResetError
            data += part
        return data


_HANDLERS = {
    ConsoleKind.SERIAL: _Serial,
    ConsoleKind.VNC: _Vnc,
    ConsoleKind.SPICE: _Console,
}


class FakeConsoles:
    """The console servers of one host. A server begins to listen when its address is read."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._servers: dict[tuple[str, ConsoleKind], _Server] = {}

    def address(
        self,
        uuid: str,
        kind: ConsoleKind,
        read: Callable[[], str],
        log: Callable[[str], None],
    ) -> ConsoleAddress:
        """``read()``: the console log of the guest; ``log(line)`` adds a line to it."""
        with self._lock:
            server = self._servers.get((uuid, kind))
            if server is None:
                server = self._servers[uuid, kind] = _Server(_HANDLERS[kind], read, log)
                threading.Thread(target=server.serve_forever, daemon=True).start()
        return ConsoleAddress(_LOOPBACK, server.server_address[1])

    def close(self, uuid: str) -> None:
        """The guest has stopped or left: end its consoles."""
        with self._lock:
            ended = [self._servers.pop(key) for key in list(self._servers) if key[0] == uuid]
        for server in ended:
            server.shutdown()
            server.server_close()
            for connection in list(server.open):
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)
