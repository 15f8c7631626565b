"""WSGI (PEP 3333): calls an application for one request and returns the response as bytes."""

from __future__ import annotations

import io
import logging
import sys
import time
from collections.abc import Callable, Iterable
from email.utils import formatdate
from http import HTTPStatus
from urllib.parse import unquote_to_bytes

from nova_mini.api.openstack import faults
from nova_mini.wsgi.http_parser import HttpRequest, ProtocolError

LOG = logging.getLogger(__name__)

_WITHOUT_BODY = ("1", "204", "304")  # prefixes of a status without a body
_UNEXPECTED = "Unexpected API error."


class Gateway:
    """Calls one application for the requests to one address."""

    def __init__(self, application: Callable, address: tuple):
        self._application = application
        self._base = {
            "SCRIPT_NAME": "",
            "SERVER_NAME": address[0],
            "SERVER_PORT": str(address[1]),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": True,
            "wsgi.run_once": False,
            "wsgi.input_terminated": True,
        }

    def respond(
        self, request: HttpRequest, peer: tuple, may_keep: Callable[[], bool]
    ) -> tuple[bytes, bool]:
        """Return (the whole response, whether the connection is kept open).

        ``may_keep`` is called after the application. An error of the application is logged, and the
        response is 500.
        """
        started = _StartResponse()
        try:
            environ = self._environ(request, peer)
            body = _collect(self._application(environ, started), started)
            keep = request.keep_alive and may_keep()
            head = _head(started.status, started.headers, len(body), keep)
        except ProtocolError as exc:
            return fault(exc.code, str(exc)), False
        except Exception:
            LOG.exception("%s request failed in the WSGI application", request.method)
            return fault(500, _UNEXPECTED), False
        has_no_body = request.method == "HEAD" or started.status.startswith(_WITHOUT_BODY)
        return head if has_no_body else head + body, keep

    def _environ(self, request: HttpRequest, peer: tuple) -> dict:
        path, _, query = _origin_form(request.target).partition(b"?")
        environ = {
            **self._base,
            "REQUEST_METHOD": request.method,
            "SERVER_PROTOCOL": f"HTTP/{request.version}",
            "RAW_URI": request.target.decode("latin-1"),
            "PATH_INFO": unquote_to_bytes(path).decode("latin-1"),
            "QUERY_STRING": query.decode("latin-1"),
            "REMOTE_ADDR": peer[0],
            "REMOTE_PORT": str(peer[1]),
            "wsgi.input": io.BytesIO(request.body),
        }
        for name, value in request.headers:
            _add_header(environ, name.decode("latin-1"), value.decode("latin-1").strip())
        if request.chunked:
            # The application gets the decoded body, so there is a length instead of an encoding.
            del environ["HTTP_TRANSFER_ENCODING"]
            environ["CONTENT_LENGTH"] = str(len(request.body))
        return environ


class _StartResponse:
    """The WSGI callable ``start_response``: keeps status and headers."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.written = bytearray()

    def __call__(
        self, status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        if self.status and exc_info is None:
            raise AssertionError("start_response was called twice")
        self.status, self.headers = status, list(headers)
        return self.written.extend


def fault(code: int, message: str) -> bytes:
    """An error response of the server itself, after which the connection is closed."""
    response = faults.make(code, message)
    return _head(response.status, response.headerlist, len(response.body), False) + response.body


def _origin_form(target: bytes) -> bytes:
    """Path and query of ``/path?query`` or ``http://host/path?query``. Raises ProtocolError for any
    other target."""
    if not target.startswith(b"/"):
        _, found, rest = target.partition(b"://")
        if not found:
            raise ProtocolError("The request target has no path.")
        target = b"/" + rest.partition(b"/")[2]
    return target.partition(b"#")[0]


def _add_header(environ: dict, name: str, value: str) -> None:
    if "_" in name:
        # X_User_Id would become the same variable as X-User-Id, which only a trusted proxy may set.
        return
    key = name.upper().replace("-", "_")
    if key not in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        key = f"HTTP_{key}"
    environ[key] = f"{environ[key]},{value}" if key in environ else value


def _collect(parts: Iterable[bytes], started: _StartResponse) -> bytes:
    try:
        body = b"".join(parts)
    finally:
        close = getattr(parts, "close", None)
        if close:
            close()
    if not started.status:
        raise AssertionError("the application did not call start_response")
    return bytes(started.written) + body if started.written else body


def _head(status: str, headers: list[tuple[str, str]], length: int, keep_alive: bool) -> bytes:
    lines = [f"HTTP/1.1 {status}"]
    known = set()
    for name, value in headers:
        known.add(name.lower())
        lines.append(f"{name}: {value}")
    if any("\r" in line or "\n" in line for line in lines):
        raise ValueError("a header of the response contains a line break")
    if "content-length" not in known and not status.startswith(_WITHOUT_BODY):
        lines.append(f"Content-Length: {length}")
    lines.append(f"Date: {formatdate(time.time(), usegmt=True)}")
    lines.append(f"Connection: {'keep-alive' if keep_alive else 'close'}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


CONTINUE = f"HTTP/1.1 100 {HTTPStatus.CONTINUE.phrase}\r\n\r\n".encode()
