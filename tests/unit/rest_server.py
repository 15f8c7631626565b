"""An HTTP server on the loopback interface that stands in for the REST API of another service."""

import contextlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from nova_mini import service_auth
from nova_mini.conf import CONF

HANG_UP = object()  # a response: the connection is closed without one


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        url = urlsplit(self.path)
        response = self.server.respond(
            self.command, url.path, parse_qs(url.query), dict(self.headers), body
        )
        if response is HANG_UP:
            self.close_connection = True
            self.connection.close()
            return
        status, data, *length = response
        if not isinstance(data, bytes):
            data = json.dumps(data).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(length[0] if length else len(data)))
        self.end_headers()
        self.wfile.write(data)
        self.close_connection = bool(length)  # before the whole body was sent

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _serve

    def log_message(self, *args):
        pass


def page(items, query: dict[str, list[str]]) -> list[dict]:
    """One page of a list in the order of ids, as requested by ``limit`` and ``marker``; without
    them all items."""
    if "limit" not in query:
        return list(items)
    after = query.get("marker", [""])[0]
    rest = sorted((item for item in items if item["id"] > after), key=lambda item: item["id"])
    return rest[: int(query["limit"][0])]


@contextlib.contextmanager
def running(respond, handler=Handler):
    """Run a server, and yield its URL.

    ``respond(method, path, query, headers, body)`` returns (status, data[, Content-Length]) or
    HANG_UP.
    """
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    server.respond = respond
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextlib.contextmanager
def serving(group, respond, path="", handler=Handler):
    """Run a server, and set ``[group] endpoint_override`` to its URL and ``path``."""
    CONF([], project="nova-mini", default_config_files=[])
    with running(respond, handler) as url:
        CONF.set_override("endpoint_override", url + path, group=group)
        service_auth.reset()
        try:
            yield
        finally:
            CONF.clear_override("endpoint_override", group=group)
            service_auth.reset()
