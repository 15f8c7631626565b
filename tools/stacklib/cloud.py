"""A client of the cloud's APIs, which runs outside the node."""

import json
from pathlib import Path
from typing import ClassVar

from stacklib import ports
from stacklib.errors import StackError, Unhealthy
from stacklib.stack import Stack

PORTS = {
    "identity": (ports.KEYSTONE, "/v3"),
    "image": (ports.GLANCE, "/v2"),
    "network": (ports.NEUTRON, "/v2.0"),
    "volume": (ports.CINDER, "/v3"),
    "compute": (ports.COMPUTE, "/v2.1"),
}


class Cloud:
    """A session in a project. Tokens are cached for each user and project, because Keystone needs
    a quarter of a second of CPU to check a password, and health checks are frequent."""

    _tokens: ClassVar[dict[tuple[str, str], str]] = {}

    def __init__(self, stack: Stack, user: str = "admin", project: str = "admin"):
        self._stack = stack
        self._user = user
        self._project = project

    def request(
        self,
        method: str,
        service: str,
        path: str,
        body: dict | Path | None = None,
        headers: dict[str, str] | None = None,
    ) -> dict:
        """Send a request; return the parsed response. If `body` is a Path, the file is sent."""
        port, prefix = PORTS[service]
        headers = {"X-Auth-Token": self.token(), **(headers or {})}
        status, _, answer = self._send(method, port, prefix + path, headers, body)
        if status >= 400:
            raise StackError(f"{method} {service} {path}: {status} {answer[:300].decode()}")
        return json.loads(answer) if answer else {}

    def find(self, service: str, path: str, plural: str, **query: str) -> dict | None:
        """Return the first of a filtered list, None when the list is empty."""
        words = "&".join(f"{key}={value}" for key, value in query.items())
        found = self.request("GET", service, f"{path}?{words}")[plural]
        return found[0] if found else None

    def ensure(
        self, service: str, path: str, name: str, body: dict, by: tuple[str, ...] = ("name",)
    ) -> dict:
        """Return the resource that the fields `by` identify; create it from `body` when absent."""
        plural = path.rpartition("/")[2].replace("-", "_")
        found = self.find(service, path, plural, **{key: body[key] for key in by})
        return found or self.request("POST", service, path, {name: body})[name]

    def token(self) -> str:
        """Return a token; raise Unhealthy while Keystone does not give one."""
        known = self._tokens.get((self._user, self._project))
        if known is None:
            scope = {"project": {"name": self._project, "domain": {"id": "default"}}}
            user = {
                "name": self._user,
                "domain": {"id": "default"},
                "password": self._stack.secrets[f"user-{self._user}"],
            }
            identity = {"methods": ["password"], "password": {"user": user}}
            body = {"auth": {"identity": identity, "scope": scope}}
            status, headers, answer = self._send(
                "POST", ports.KEYSTONE, "/v3/auth/tokens", {}, body
            )
            if status != 201:
                raise Unhealthy(f"Keystone: no token for {self._user}: {status} {answer[:200]!r}")
            known = self._tokens[self._user, self._project] = headers["X-Subject-Token"]
        return known

    def _send(self, method, port, path, headers, body):
        kind = "application/octet-stream" if isinstance(body, Path) else "application/json"
        content = json.dumps(body).encode() if isinstance(body, dict) else body
        headers = {**headers, "Content-Type": kind}
        return ports.http(self._stack.control.node, method, port, path, headers, content)
