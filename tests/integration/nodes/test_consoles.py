"""Consoles of a guest that moves between nodes while it runs. The proxies are on the first node."""

from __future__ import annotations

import contextlib

import websocket

from tests.functional.harness import browser
from tests.functional.harness.waiting import until
from tests.integration.nodes.test_live_migration import ends, migrate

PROMPT_SECONDS = 120
ANSWER_SECONDS = 3


def serial_url(nodes, server: str) -> str:
    return nodes.console_url(server, "serial", "serial")


def assert_consoles_work(nodes, server: str) -> None:
    with browser.opened(serial_url(nodes, server)) as console:
        console.line.settimeout(ANSWER_SECONDS)

        def prompts() -> bool:
            console.send(b"\r")
            with contextlib.suppress(websocket.WebSocketTimeoutException):
                return bool(console.receive_until(b"login: "))
            return False

        until("the serial console prompts", prompts, PROMPT_SECONDS)
    with browser.opened(nodes.console_url(server, "vnc", "novnc")) as console:
        width, height = console.vnc_handshake()
        assert width and height


def test_consoles_end_with_a_live_migration_and_work_at_the_destination(nodes, boot):
    server = boot("n1")["id"]
    assert_consoles_work(nodes, server)
    for node in ("n2", "n1"):
        url = serial_url(nodes, server)
        with browser.opened(url) as console:
            console.line.settimeout(PROMPT_SECONDS)
            migrate(nodes, server, node)
            assert console.closed() == (1000, "the guest stopped, or left its host")
        ends(nodes, server, "completed")
        assert browser.status_of(url) == 403
        assert_consoles_work(nodes, server)
