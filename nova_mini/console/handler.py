"""One connection of a browser to a console proxy: a page of the HTML client, or a console."""

from __future__ import annotations

import contextlib
import logging
import socket
from typing import TYPE_CHECKING, Any

import oslo_messaging as messaging
from websockify.websocketproxy import ProxyRequestHandler

from nova_mini import exception
from nova_mini.console import rfb
from nova_mini.objects.console_auth_token import NOVNC, ConsoleAuthToken

if TYPE_CHECKING:
    from nova_mini.console.server import ConsoleProxy

LOG = logging.getLogger(__name__)

_HANDSHAKE_SECONDS = 30  # for a request, and for the first messages of a console
_CONNECT_SECONDS = 10  # to a console
# Close codes of RFC 6455.
_NORMAL, _REFUSED, _FAILED = 1000, 1008, 1011


class ConsoleRequestHandler(ProxyRequestHandler):  # type: ignore[misc]  # has no types
    """No line of websockify is logged (see ``ConsoleProxy.logger``): its lines have the URL, and
    with it the token."""

    timeout = _HANDSHAKE_SECONDS
    server: ConsoleProxy
    console: ConsoleAuthToken

    def handle_upgrade(self) -> None:
        """Authorize before the websocket exists. A refusal says nothing of its reason."""
        try:
            self.console = self.server.authorize(self.path, self.headers)
        except exception.NovaException as exc:
            LOG.warning("Client %s: refused to open a console: %s", self._client, exc)
            self._refuse(exc.code if exc.code == 503 else 403)
        except messaging.MessagingException as exc:
            LOG.error("Client %s: could not validate a console token: %s", self._client, exc)
            self._refuse(503)
        else:
            super().handle_upgrade()

    def _refuse(self, status: int) -> None:
        self.close_connection = True
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.send_header("Connection", "close")
        self.end_headers()

    def new_websocket_client(self) -> None:
        """Called by websockify. CClose tells it the code and the reason for the browser."""
        name = f"Instance {self.console.instance_uuid}: {self.console.console_type} console"
        reason = "the browser left"
        try:
            with contextlib.closing(self._connect()) as target:
                LOG.info("%s opened by %s", name, self._client)
                self.do_proxy(target)
        except self.CClose as closed:
            if closed.args[1] == "Target closed":  # websockify's words
                reason = "the guest stopped, or left its host"
                raise self.CClose(_NORMAL, reason) from closed
            if closed.args[0] in (_REFUSED, _FAILED):
                reason = closed.args[1]
            raise
        except OSError as exc:
            reason = str(exc)
        finally:
            LOG.info("%s of %s closed: %s", name, self._client, reason)

    def _connect(self) -> socket.socket:
        """Raises CClose."""
        try:
            address = (self.console.host, self.console.port)
            target = socket.create_connection(address, _CONNECT_SECONDS)
        except OSError as exc:
            raise self.CClose(_FAILED, f"the console does not answer: {exc.strerror}") from exc
        try:
            target.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.console.console_type == NOVNC:
                target.settimeout(_HANDSHAKE_SECONDS)
                target = rfb.connect(_Browser(self), target, self.console.host)
        except exception.ConsoleRefused as exc:
            target.close()
            LOG.error("Instance %s: %s", self.console.instance_uuid, exc)
            raise self.CClose(_REFUSED, "the VNC handshake failed") from exc
        except OSError as exc:
            target.close()
            LOG.error("Instance %s: VNC handshake: %s", self.console.instance_uuid, exc)
            raise self.CClose(_FAILED, "the VNC handshake failed") from exc
        target.settimeout(None)
        self.connection.settimeout(None)
        return target

    @property
    def _client(self) -> str:
        return str(self.client_address[0])

    # -- pages -------------------------------------------------------------------------------

    def send_head(self) -> Any:
        """A browser takes a redirect to //name/ as one to another site (CVE-2021-3654)."""
        if self.path.startswith("//"):
            self.send_error(400)
            return None
        return super().send_head()

    def end_headers(self) -> None:
        self.send_header("Referrer-Policy", "no-referrer")  # the page's URL has the token
        super().end_headers()


class _Browser:
    """The websocket as a stream, for the handshake."""

    def __init__(self, handler: ConsoleRequestHandler):
        self._handler = handler
        self._received = b""

    def recv(self, count: int, /) -> bytes:
        while not self._received:
            frames, closed = self._handler.recv_frames()
            self._received = b"".join(frames)
            if closed:
                break
        found, self._received = self._received[:count], self._received[count:]
        return found

    def sendall(self, data: bytes, /) -> None:
        self._handler.send_frames([data])
