"""A user of the Compute API."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

from tests.functional.harness.waiting import until

SECONDS = 30
# A kept-alive connection ends when its worker dies. Only GET requests are retried.
_RETRY = Retry(total=3, connect=3, read=3, allowed_methods=["GET"], backoff_factor=0.1)


def pieces(data: bytes, size: int) -> Iterator[bytes]:
    """The data in chunks of ``size`` bytes."""
    return (data[start : start + size] for start in range(0, len(data), size))


class Client:
    """``token`` is ``user:project`` (noauth2); the user ``admin`` is an administrator."""

    pause = 0.02  # seconds between two checks of a server

    def __init__(self, endpoint: str, token: str | None, version: str):
        self._endpoint = endpoint
        self._session = requests.Session()
        self._session.trust_env = False  # loopback: no proxy in between
        self._session.mount("http://", HTTPAdapter(max_retries=_RETRY))
        self._session.headers["OpenStack-API-Version"] = f"compute {version}"
        if token is not None:
            self._session.headers["X-Auth-Token"] = token

    # -- requests ----------------------------------------------------------------------------

    def request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        headers: dict | None = None,
        chunk: int | None = None,
        **kwargs,
    ) -> requests.Response:
        """``body``: bytes are sent unchanged, anything else as JSON; in chunks of ``chunk`` bytes
        if given. ``path`` is relative to ``/v2.1``."""
        sent = {"Content-Type": "application/json", **(headers or {})}
        data = body if isinstance(body, bytes) or body is None else json.dumps(body)
        if chunk and data:
            data = pieces(data if isinstance(data, bytes) else data.encode(), chunk)
        return self._session.request(
            method, self._endpoint + path, data=data, headers=sent, timeout=SECONDS, **kwargs
        )

    def _expect(self, expected: int, method: str, path: str, body: Any = None) -> Any:
        response = self.request(method, path, body)
        assert response.status_code == expected, (
            f"{method} {path}: {response.status_code} {response.text}"
        )
        return response.json() if response.content else None

    def get(self, path: str, expect: int = 200) -> Any:
        return self._expect(expect, "GET", path)

    def post(self, path: str, body: Any, expect: int = 200) -> Any:
        return self._expect(expect, "POST", path, body)

    def put(self, path: str, body: Any = None, expect: int = 200) -> Any:
        return self._expect(expect, "PUT", path, body)

    def delete(self, path: str, expect: int = 204) -> Any:
        return self._expect(expect, "DELETE", path)

    def refusal(self, status: int, method: str, path: str, body: Any = None) -> str:
        """The message of a refused request. Status and body must have the code ``status``."""
        fault = self._expect(status, method, path, body)
        ((_, content),) = fault.items()
        assert content["code"] == status
        return content["message"]

    # -- servers -----------------------------------------------------------------------------

    def show(self, server_id: str) -> dict:
        return self.get(f"/servers/{server_id}")["server"]

    def act(self, server_id: str, action: str, arguments: Any = None, expect: int = 202) -> Any:
        return self.post(f"/servers/{server_id}/action", {action: arguments}, expect)

    def wait_for(self, server_id: str, status: str, seconds: float = SECONDS) -> dict:
        """Wait until the server has this status and no task state. Return the server."""
        seen: dict = {}

        def reached() -> bool:
            seen.update({"fault": None, **self.show(server_id)})
            return seen["status"] == status and seen["OS-EXT-STS:task_state"] is None

        try:
            until(f"server {server_id} {status}", reached, seconds, self.pause)
        except AssertionError as exc:
            now = [seen[key] for key in ("status", "OS-EXT-STS:task_state", "fault")]
            raise AssertionError(f"{exc}; it is {now}") from None
        return self.show(server_id)

    def wait_gone(self, server_id: str, seconds: float = SECONDS) -> None:
        def gone() -> bool:
            return self.request("GET", f"/servers/{server_id}").status_code == 404

        until(f"server {server_id} is gone", gone, seconds, self.pause)
