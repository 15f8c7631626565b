"""What a browser does with the URL of a console: it loads the page and opens the websocket."""

from __future__ import annotations

import contextlib
import struct
import urllib.parse
from collections.abc import Iterator

import websocket

_SECONDS = 20


def websocket_url(console_url: str) -> str:
    """Of the URL of a noVNC page, the URL of the websocket to which noVNC connects."""
    parts = urllib.parse.urlsplit(console_url)
    path = urllib.parse.parse_qs(parts.query).get("path")
    if path is None:
        return console_url
    return f"ws://{parts.netloc}/{path[0]}"


@contextlib.contextmanager
def opened(console_url: str, **options) -> Iterator[Console]:
    """The websocket of the console. ``options``: of ``websocket.create_connection``."""
    url = websocket_url(console_url)
    console = Console(websocket.create_connection(url, _SECONDS, **options))
    try:
        yield console
    finally:
        console.line.shutdown()


def status_of(console_url: str, **options) -> int:
    """The HTTP status with which the proxy answers the request for the websocket."""
    try:
        with opened(console_url, **options):
            return 101
    except websocket.WebSocketBadStatusException as exc:
        assert not exc.resp_body
        return exc.status_code


class Console:
    """``line``: the websocket."""

    def __init__(self, line: websocket.WebSocket):
        self.line = line
        self._received = b""

    def send(self, data: bytes) -> None:
        self.line.send_binary(data)

    def receive(self, count: int) -> bytes:
        while len(self._received) < count:
            self._received += self._part()
        found, self._received = self._received[:count], self._received[count:]
        return found

    def receive_until(self, wanted: bytes) -> bytes:
        """All that arrives up to ``wanted``."""
        while wanted not in self._received:
            self._received += self._part()
        found, end, self._received = self._received.partition(wanted)
        return found + end

    def _part(self) -> bytes:
        data = self.line.recv()
        assert data, "the proxy has closed the websocket"
        return data

    def closed(self) -> tuple[int, str]:
        """Wait until the proxy closes the websocket. Returns its code and its reason."""
        while True:
            frame = self.line.recv_frame()
            if frame.opcode == websocket.ABNF.OPCODE_CLOSE:
                return struct.unpack("!H", frame.data[:2])[0], frame.data[2:].decode()

    def vnc_handshake(self) -> tuple[int, int]:
        """Returns width and height of the screen."""
        assert self.receive(12) == b"RFB 003.008\n"
        self.send(b"RFB 003.008\n")
        assert self.receive(2) == b"\x01\x01"  # one security type: none
        self.send(b"\x01")
        assert self.receive(4) == b"\0\0\0\0"
        self.send(b"\x01")
        width, height = struct.unpack("!HH", self.receive(4))
        self.receive(16)
        self.receive(struct.unpack("!I", self.receive(4))[0])
        return width, height

    def vnc_frame(self, width: int, height: int) -> bytes:
        """The pixels of the whole screen, 4 bytes each."""
        pixels = struct.pack("!BxxxBBBBHHHBBBxxx", 0, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0)
        raw = struct.pack("!BxHi", 2, 1, 0)
        self.send(pixels + raw + struct.pack("!BBHHHH", 3, 0, 0, 0, width, height))
        (kind, rectangles) = struct.unpack("!BxH", self.receive(4))
        assert kind == 0
        screen = bytearray(4 * width * height)
        for _ in range(rectangles):
            x, y, wide, high, encoding = struct.unpack("!HHHHi", self.receive(12))
            assert encoding == 0
            for row in range(y, y + high):
                start = 4 * (row * width + x)
                screen[start : start + 4 * wide] = self.receive(4 * wide)
        return bytes(screen)

    def vnc_key(self, symbol: int) -> None:
        """Press and release a key: its number in X11's keysymdef.h."""
        for down in (1, 0):
            self.send(struct.pack("!BBxxI", 4, down, symbol))
