"""Consoles of real guests through the proxies of the stack."""

from __future__ import annotations

import pytest

from tests.functional.harness import browser
from tests.functional.harness.waiting import until
from tests.integration.cloud.harness.guest import Guest

ENTER = 0xFF0D
CONSOLES_SECONDS = 60


@pytest.fixture(scope="module")
def guest(boot_for_all) -> Guest:
    """A guest whose console is at the prompt for a login."""
    one = boot_for_all()
    one.wait_for_output("GUEST: ready")
    return one


def url_of(cloud, guest: Guest, protocol: str, console_type: str) -> str:
    body = {"remote_console": {"protocol": protocol, "type": console_type}}
    answer = cloud.user.post(f"/servers/{guest.id}/remote-consoles", body)
    return answer["remote_console"]["url"]


def test_a_user_logs_in_on_the_serial_console(cloud, guest):
    with browser.opened(url_of(cloud, guest, "serial", "serial")) as console:
        console.send(b"\r")
        console.receive_until(b"login: ")
        console.send(b"root\r")
        console.receive_until(b"# ")
        console.send(b"echo answer=$((6 * 7))\r")
        console.receive_until(b"answer=42")
        console.send(b"exit\r")
        console.receive_until(b"login: ")
    assert "answer=42" in guest.console()  # the log is kept, too


def test_a_user_sees_the_screen_and_types(cloud, guest):
    url = url_of(cloud, guest, "vnc", "novnc")
    with browser.opened(url, subprotocols=["binary"]) as console:
        width, height = console.vnc_handshake()
        assert width >= 640 and height >= 350
        before = console.vnc_frame(width, height)
        assert len(set(before)) > 1, "the screen is empty"
        for key in (*b"root", ENTER):
            console.vnc_key(key)
        shown = lambda: console.vnc_frame(width, height) != before  # noqa: E731
        until("the screen changes", shown, CONSOLES_SECONDS, pause=0.5)


def test_a_stop_closes_the_console_and_revokes_its_url(cloud, guest):
    url = url_of(cloud, guest, "serial", "serial")
    with browser.opened(url) as console:
        guest.act("os-stop", status="SHUTOFF")
        assert console.closed() == (1000, "the guest stopped, or left its host")
    guest.act("os-start", status="ACTIVE")
    assert browser.status_of(url) == 403
    with browser.opened(url_of(cloud, guest, "serial", "serial")) as console:
        console.receive_until(b"GUEST: ready")
