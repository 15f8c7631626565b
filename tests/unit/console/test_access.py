"""The token of a request, and the page that it comes from."""

from __future__ import annotations

from email.message import Message

import pytest

from nova_mini import exception
from nova_mini.console import access


def _headers(**items: str) -> Message:
    headers = Message()
    for name, value in items.items():
        headers[name.replace("_", "-")] = value
    return headers


@pytest.mark.parametrize(
    ("path", "cookie", "expected"),
    [
        ("/?token=a", "", "a"),
        ("/websockify?x=1&token=a", "token=b", "a"),
        ("/?token=a&token=b", "", "b"),
        ("/?token=", "token=b", "b"),
        ("/", 'x=1; token="b"; y=2', "b"),
        ("/", "bad name=1; token=b", "b"),
        ("/token=a", "tokens=b", None),
        ("/", "", None),
    ],
)
def test_the_token_is_in_the_query_or_in_a_cookie(path, cookie, expected):
    assert access._token_of(path, _headers(Cookie=cookie)) == expected


BASE = "https://console.example:6080/vnc_lite.html"


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Host": "console.example"},
        {"Host": "console.example:6080", "Origin": "https://console.example:6080"},
        {"Host": "Console.Example", "Origin": "https://console.example"},
        {"Host": "[2001:db8::1]:6080", "Origin": "https://[2001:db8::1]"},
        {"Host": "console.example", "Origin": "https://dashboard.example"},
        {
            "Host": "console.example",
            "Origin": "http://console.example",
            "X-Forwarded-Proto": "https",
        },
    ],
)
def test_own_and_allowed_pages_open_consoles(headers):
    access.check_origin(_headers(**headers), BASE, ["dashboard.example"])


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "console.example", "Origin": "https://evil.example"},
        {"Host": "console.example", "Origin": "http://console.example"},
        {"Host": "console.example", "Origin": "null"},
        {"Host": "console.example", "Origin": ""},
        {"Host": "", "Origin": "https://"},
        {"Host": "console.example", "Origin": "https://console.example@evil.example"},
        {"Host": "[", "Origin": "https://console.example"},
        {"Origin": "https://console.example"},
        {
            "Host": "console.example",
            "Origin": "https://console.example",
            "X-Forwarded-Proto": "http",
        },
    ],
)
def test_other_pages_are_refused(headers):
    with pytest.raises(exception.ConsoleRefused):
        access.check_origin(_headers(**headers), BASE, ["dashboard.example"])


@pytest.mark.parametrize(("base", "origin"), [("ws", "http"), ("wss", "https"), ("ws", "ws")])
def test_a_websocket_is_as_secure_as_the_page(base, origin):
    headers = _headers(Host="a.example", Origin=f"{origin}://a.example")
    access.check_origin(headers, f"{base}://a.example/", [])
    other = _headers(Host="a.example", Origin=f"{'https' if base == 'ws' else 'http'}://a.example")
    with pytest.raises(exception.ConsoleRefused):
        access.check_origin(other, f"{base}://a.example/", [])
