"""Who may open which console: the token of a request, and the page that it comes from."""

from __future__ import annotations

import http.cookies
import urllib.parse
from collections.abc import Collection
from email.message import Message

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import get_admin_context
from nova_mini.objects.console_auth_token import ConsoleAuthToken, hash_of
from nova_mini.rpcapi.compute import ComputeAPI

_HTTP_OF = {"ws": "http", "wss": "https"}


def authorize(
    path: str, headers: Message, console_types: Collection[str], compute_rpcapi: ComputeAPI
) -> ConsoleAuthToken:
    """The console that a request for a websocket may open.

    ``path``: with the query. ``console_types``: what the proxy serves. Raises InvalidToken,
    ConsoleRefused, and the errors of RPC.
    """
    token = _token_of(path, headers)
    if token is None:
        raise exception.ConsoleRefused(reason="the request has no token")
    context = get_admin_context()
    found = ConsoleAuthToken.validate(context, hash_of(token))
    if found.console_type not in console_types:
        raise exception.ConsoleRefused(
            reason=f"this proxy does not serve consoles of the type {found.console_type}"
        )
    check_origin(headers, found.access_url_base, CONF.console.allowed_origins)
    if not compute_rpcapi.validate_console_port(
        context, found.compute_host, found.instance_uuid, found.port, found.console_type
    ):
        raise exception.ConsoleRefused(
            reason=f"instance {found.instance_uuid} has no {found.console_type} console at port "
            f"{found.port} of {found.compute_host} any more"
        )
    return found


def _token_of(path: str, headers: Message) -> str | None:
    """From the query, else from the cookie that some HTML clients set. None without one."""
    query = urllib.parse.parse_qs(urllib.parse.urlsplit(path).query)
    if tokens := query.get("token"):
        return tokens[-1]
    for part in headers.get("Cookie", "").split(";"):
        try:  # one at a time: a malformed cookie of another site ends no console
            cookie = http.cookies.SimpleCookie(part.strip())
        except http.cookies.CookieError:
            continue
        if "token" in cookie:
            return cookie["token"].value
    return None


def check_origin(headers: Message, access_url_base: str, allowed: Collection[str]) -> None:
    """Refuse a browser that runs a page of another site: such a page could use a token that the
    browser has in a cookie. Raises ConsoleRefused.

    Clients that are no browsers send no Origin.
    """
    origins = headers.get_all("Origin", [])
    if not origins:
        return
    hosts = headers.get_all("Host", [])
    if len(origins) > 1 or len(hosts) != 1:
        raise exception.ConsoleRefused(reason="the headers Origin and Host are not unique")
    scheme, name = _split(origins[0])
    _, own_name = _split(f"//{hosts[0]}")
    if not name or name not in {own_name, *allowed}:
        raise exception.ConsoleRefused(reason="the page is of another site (header Origin)")
    scheme = headers.get("X-Forwarded-Proto", scheme)
    expected, _ = _split(access_url_base)
    if scheme not in (expected, _HTTP_OF.get(expected)):
        raise exception.ConsoleRefused(
            reason=f"the page was not loaded by {expected} (header Origin)"
        )


def _split(url: str) -> tuple[str, str]:
    """Scheme and host name. Raises ConsoleRefused."""
    try:
        parts = urllib.parse.urlsplit(url)
        return parts.scheme, parts.hostname or ""
    except ValueError as exc:
        raise exception.ConsoleRefused(reason="the header Origin or Host is no URL") from exc
