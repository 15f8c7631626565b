"""A console proxy: a server with a thread for each connection."""

from __future__ import annotations

import logging
import os
import socket
import ssl
import sys
import threading
from dataclasses import dataclass
from email.message import Message
from typing import Any

from websockify.websocketproxy import LibProxyServer

from nova_mini import exception, systemd
from nova_mini.conf import CONF
from nova_mini.console import access
from nova_mini.console.handler import ConsoleRequestHandler
from nova_mini.objects.console_auth_token import ConsoleAuthToken
from nova_mini.rpcapi.compute import ComputeAPI

LOG = logging.getLogger(__name__)

# websockify waits with select(), which knows file descriptors below 1024; a console has two.
MAX_CONNECTIONS = 450
_HANDSHAKE_SECONDS = 30
_TLS_HANDSHAKE = b"\x16"  # the first byte of a TLS connection
_SILENT = logging.getLogger(f"{__name__}.websockify")
_SILENT.disabled = True


@dataclass(frozen=True)
class Settings:
    """``name``: of the program. ``console_types``: what it serves. ``web``: the directory of its
    pages; None without pages."""

    name: str
    host: str
    port: int
    console_types: tuple[str, ...]
    web: str | None = None


class ConsoleProxy(LibProxyServer):  # type: ignore[misc]  # has no types
    daemon_threads = True
    block_on_close = False
    allow_reuse_address = True
    request_queue_size = 128

    # Read by websockify's handler.
    file_only = True  # no lists of directories
    logger = _SILENT

    def __init__(self, settings: Settings):
        """Listens at once. Raises OSError, and ConfigurationError."""
        self.settings = settings
        self._compute_rpcapi = ComputeAPI()
        self._tls = _make_tls()
        self._slots = threading.BoundedSemaphore(MAX_CONNECTIONS)
        if settings.web is not None and not os.path.isdir(settings.web):
            raise exception.ConfigurationError(f"[DEFAULT] web: {settings.web} is no directory")
        self.address_family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
        super().__init__(
            ConsoleRequestHandler,
            listen_host=settings.host,
            listen_port=settings.port,
            web=settings.web or "",
        )

    def authorize(self, path: str, headers: Message) -> ConsoleAuthToken:
        return access.authorize(path, headers, self.settings.console_types, self._compute_rpcapi)

    def service_actions(self) -> None:
        """Called twice a second."""
        systemd.notify("WATCHDOG=1")

    def process_request(self, request: Any, client_address: Any) -> None:
        if not self._slots.acquire(blocking=False):
            LOG.error("%s: refused a connection: there are %d", self.settings.name, MAX_CONNECTIONS)
            self.shutdown_request(request)
            return
        super().process_request(request, client_address)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._slots.release()

    def finish_request(self, request: Any, client_address: Any) -> None:
        """In the thread of the connection."""
        request.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        request.settimeout(_HANDSHAKE_SECONDS)
        if self._tls is None:
            super().finish_request(request, client_address)
        elif request.recv(1, socket.MSG_PEEK) == _TLS_HANDSHAKE:
            with self._tls.wrap_socket(request, server_side=True) as wrapped:
                super().finish_request(wrapped, client_address)
        elif CONF.ssl_only:
            LOG.info("Client %s: refused a connection without TLS", client_address[0])
        else:
            super().finish_request(request, client_address)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Users leave at any time, and send anything."""
        error = sys.exc_info()[1]
        if isinstance(error, OSError):
            LOG.debug("Client %s: the connection ended: %s", client_address[0], error)
        else:
            LOG.error("Client %s: %s", client_address[0], type(error).__name__, exc_info=True)


def _make_tls() -> ssl.SSLContext | None:
    """Raises ConfigurationError."""
    if not CONF.cert:
        if CONF.ssl_only:
            raise exception.ConfigurationError("[DEFAULT] ssl_only needs cert")
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    versions = {"tlsv1_2": ssl.TLSVersion.TLSv1_2, "tlsv1_3": ssl.TLSVersion.TLSv1_3}
    if CONF.console.ssl_minimum_version in versions:
        context.minimum_version = versions[CONF.console.ssl_minimum_version]
    try:
        context.load_cert_chain(CONF.cert, CONF.key)
        if CONF.console.ssl_ciphers:
            context.set_ciphers(CONF.console.ssl_ciphers)
    except (OSError, ssl.SSLError) as exc:
        raise exception.ConfigurationError(f"cert, key or ssl_ciphers: {exc}") from exc
    return context
