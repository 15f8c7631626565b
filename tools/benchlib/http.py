"""A keep-alive HTTP connection: the client's own cost must not hide the server's."""

import http.client
import json
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchlib.errors import BenchError

TIMEOUT = 120  # seconds; one slow answer is a figure, a hung one is an error


class Answer(NamedTuple):
    """One response: the body as bytes, and the headers by lower-case name."""

    status: int
    body: bytes
    headers: dict[str, str]

    def json(self) -> Any:
        """Return the parsed body; None when there is none."""
        return json.loads(self.body) if self.body else None


class Connection:
    """Keeps one connection to a server open and opens it again when the server closes it."""

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
    ) -> Answer:
        """Send one request below the URL, `body` as JSON; raise BenchError when nobody answers.

        A server may close an idle connection at any time: then the request is sent once more.
        """
        data = None if body is None else json.dumps(body).encode()
        sent = dict(headers or {}, **({"Content-Type": "application/json"} if data else {}))
        reused = self._connection is not None
        try:
            return self._exchange(method, self._base + path, data, sent)
        except (http.client.HTTPException, OSError) as error:
            self._connection = None
            if not (reused and isinstance(error, ConnectionError)):
                raise BenchError(f"{method} {self.url}{path}: no answer: {error!r}") from error
        return self.request(method, path, body, headers)

    def _exchange(self, method: str, path: str, data: bytes | None, headers: dict) -> Answer:
        if self._connection is None:
            self._connection = self._kind(self._netloc, timeout=TIMEOUT)
        self._connection.request(method, path, data, headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.will_close:
            self._connection.close()
            self._connection = None
        fields = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, body, fields)
