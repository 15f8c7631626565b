"""A cheap keep-alive HTTP connection, so that the client's cost does not distort the results."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchlib.errors import BenchError

TIMEOUT = 120  # seconds


class Response(NamedTuple):
    """One response: the body as bytes, and the headers by lower-case name."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        """Return the parsed body; None when there is none."""
        return json.loads(self.body) if self.body else None


class Connection:
    """A persistent connection, which is opened again when the server closes it."""

    def __init__(self, url: str):
        self.url = url
        parts = urlsplit(url)
        secure = parts.scheme == "https"
        self._kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
        self._netloc = parts.netloc
        self._base = parts.path.rstrip("/")
        self._connection: http.client.HTTPConnection | None = None

    def request(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Response:
        """Send a request to a path below the URL, with `body` as JSON; raise BenchError without a
        response.

        A server may close an idle connection at any time: then the request is sent again.
        """
        data = None if body is None else json.dumps(body).encode()
        sent = dict(headers or {}, **({"Content-Type": "application/json"} if data else {}))
        reused = self._connection is not None
        try:
            return self._exchange(method, self._base + path, data, sent)
        except (http.client.HTTPException, OSError) as error:
            self._connection = None
            if not (reused and isinstance(error, ConnectionError)):
                raise BenchError(f"{method} {self.url}{path}: no response: {error!r}") from error
        return self.request(method, path, body, headers)

    def _exchange(self, method: str, path: str, data: bytes | None, headers: dict) -> Response:
        if self._connection is None:
            self._connection = self._kind(self._netloc, timeout=TIMEOUT)
        self._connection.request(method, path, data, headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.will_close:
            self._connection.close()
            self._connection = None
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Response(response.status, body, fields)
