"""A stand-in for Keystone's REST API. A token contains its user, project and roles."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.unit.rest_server import running as serving

_DOMAIN = {"id": "default", "name": "Default"}


def token(user: str, project: str, *roles: str) -> str:
    """A token of ``user`` in ``project``; by default with the roles member and reader."""
    return f"{user}:{project}:{','.join(roles or ('member', 'reader'))}"


def project_of(headers: dict[str, str]) -> str | None:
    """The project of a request's token; None for a request of a service."""
    parts = headers.get("X-Auth-Token", "").split(":")
    return parts[1] if len(parts) == 3 else None


def options(url: str) -> dict[str, dict[str, object]]:
    """The options with which a daemon verifies tokens at the Keystone of ``url``."""
    return {
        "api": {"auth_strategy": "keystone"},
        "keystone_authtoken": {
            "auth_type": "admin_token",
            "endpoint": f"{url}/v3",
            "token": token("nova", "service", "service"),
            "www_authenticate_uri": url,
        },
    }


def _respond(method, path, query, headers, body):
    if path != "/v3/auth/tokens":
        url = f"http://{headers['Host']}/v3/"
        version = {"id": "v3.14", "status": "stable", "links": [{"rel": "self", "href": url}]}
        if path.startswith("/v3"):
            return 200, {"version": version}
        return 300, {"versions": {"values": [version]}}
    parts = headers.get("X-Subject-Token", "").split(":")
    if len(parts) != 3 or not all(parts):
        return 404, {"error": {"code": 404, "message": "no such token"}}
    user, project, roles = parts
    return 200, {
        "token": {
            "methods": ["password"],
            "user": {"id": user, "name": user, "domain": _DOMAIN},
            "project": {"id": project, "name": project, "domain": _DOMAIN},
            "roles": [{"id": role, "name": role} for role in roles.split(",")],
            "issued_at": "2026-01-01T00:00:00.000000Z",
            "expires_at": "2099-01-01T00:00:00.000000Z",
            "audit_ids": ["x"],
            "catalog": [],
        }
    }


@contextlib.contextmanager
def running() -> Iterator[str]:
    """Serve until the end of the block. Yields the URL."""
    with serving(_respond) as url:
        yield url
