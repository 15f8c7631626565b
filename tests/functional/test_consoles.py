"""Consoles, as users open them: real proxies, real websockets, and the fake driver's consoles."""

from __future__ import annotations

import http.client
import socket
import urllib.parse
from collections.abc import Callable

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import browser, config, waiting
from tests.functional.harness import cloud as clouds
from tests.functional.harness.daemon import Daemon
from tests.functional.harness.network import ADDRESS, free_port
from tests.functional.harness.project import Project

PAGE = "<html><title>noVNC</title></html>"
AUTO = {"host": None, "block_migration": "auto"}
KEY_A = 0x61


def until(what: str, reached: Callable[[], bool]) -> None:
    waiting.until(what, reached, 30)


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in ("novnc", "serial", "spicehtml5")}


@pytest.fixture(scope="module")
def cloud(engines, images, workspace, ports, tmp_path_factory):
    web = tmp_path_factory.mktemp("web")
    (web / "vnc_lite.html").write_text(PAGE)
    (web / "app").mkdir()
    options = {
        "DEFAULT": {"web": web},
        "vnc": {
            "enabled": True,
            "novncproxy_base_url": f"http://{ADDRESS}:{ports['novnc']}/vnc_lite.html",
            "novncproxy_host": ADDRESS,
            "novncproxy_port": ports["novnc"],
        },
        "serial_console": {
            "enabled": True,
            "base_url": f"ws://{ADDRESS}:{ports['serial']}/",
            "serialproxy_host": ADDRESS,
            "serialproxy_port": ports["serial"],
        },
        "spice": {"html5proxy_host": ADDRESS, "html5proxy_port": ports["spicehtml5"]},
        "console": {"allowed_origins": "dashboard.example"},
    }
    directory = workspace / "consoles"
    with clouds.running(engines, directory, images, options=options) as running:
        yield running


@pytest.fixture(scope="module")
def catalog(cloud, images):
    return make_catalog(cloud, images)


@pytest.fixture(scope="module")
def proxies(cloud, workspace):
    """The three proxies. Their configuration has no database."""
    common = cloud.config_file
    directory = workspace / "consoles"
    own = config.write(directory / "proxy.conf", {"database": {"connection": "none://"}})
    running = {
        name: Daemon(f"{name}proxy", (common, own), directory)
        for name in ("novnc", "serial", "spicehtml5")
    }
    for daemon in running.values():
        daemon.spawn()
    for daemon in running.values():
        daemon.wait_ready()
    yield running
    for daemon in running.values():
        assert daemon.stop() == 0


@pytest.fixture
def server(proxies, project: Project) -> str:
    return project.boot()


def console_url(project: Project, server_id: str, protocol: str, console_type: str) -> str:
    body = {"remote_console": {"protocol": protocol, "type": console_type}}
    answer = project.user.post(f"/servers/{server_id}/remote-consoles", body)
    return answer["remote_console"]["url"]


def serial_url(project: Project, server_id: str) -> str:
    return console_url(project, server_id, "serial", "serial")


def vnc_url(project: Project, server_id: str) -> str:
    return console_url(project, server_id, "vnc", "novnc")


def token_of(url: str) -> str:
    return urllib.parse.unquote(url).rpartition("token=")[2]


def console_log(project: Project, server_id: str) -> str:
    return project.user.act(server_id, "os-getConsoleOutput", {}, 200)["output"]


# -- consoles ------------------------------------------------------------------------------------


def test_a_serial_console_is_read_and_written(project, server):
    with browser.opened(serial_url(project, server)) as console:
        console.receive_until(b"booted\r\n")
        console.send(b"echo hello\r")
        console.receive_until(b"echo hello\r")
        until("it is typed", lambda: "typed: echo hello" in console_log(project, server))


def test_a_vnc_console_shows_the_screen_and_takes_keys(project, server):
    with browser.opened(vnc_url(project, server), subprotocols=["binary"]) as console:
        width, height = console.vnc_handshake()
        assert set(console.vnc_frame(width, height)) == {0x80}
        console.vnc_key(KEY_A)
        until("the key arrives", lambda: "key 0x61" in console_log(project, server))


def test_one_url_opens_several_consoles_of_one_guest_only(project, server):
    other = project.boot()
    url, others = serial_url(project, server), serial_url(project, other)
    with browser.opened(url) as one, browser.opened(url) as two, browser.opened(others) as third:
        for console in (one, two, third):
            console.receive_until(b"booted\r\n")
        one.send(b"mine\r")
        one.receive_until(b"mine")
        until("it is typed", lambda: "typed: mine" in console_log(project, server))
    assert "mine" not in console_log(project, other)


def test_a_disabled_console_is_unavailable(project, server):
    body = {"remote_console": {"protocol": "spice", "type": "spice-html5"}}
    path = f"/servers/{server}/remote-consoles"
    message = project.user.refusal(400, "POST", path, body)
    assert message == "Unavailable console type spice-html5."


def test_a_server_that_is_off_has_no_console(project, server):
    project.user.act(server, "os-stop")
    project.user.wait_for(server, "SHUTOFF")
    body = {"remote_console": {"protocol": "serial", "type": "serial"}}
    assert "while it is in" in project.user.refusal(
        409, "POST", f"/servers/{server}/remote-consoles", body
    )


# -- tokens --------------------------------------------------------------------------------------


def test_an_unknown_token_opens_nothing(project, server):
    url = serial_url(project, server)
    assert browser.status_of(url.replace("token=", "token=x")) == 403
    assert browser.status_of(url.replace("token=", "other=")) == 403
    assert browser.status_of(url) == 101


def test_a_token_may_be_in_a_cookie(project, server, ports):
    token = token_of(serial_url(project, server))
    url = f"ws://{ADDRESS}:{ports['serial']}/websockify"
    assert browser.status_of(url, cookie=f"a=b; bad(name=1; token={token}") == 101
    assert browser.status_of(url, cookie="token=other") == 403


def test_a_proxy_serves_its_own_type_of_console(project, server, ports):
    for url, other in ((serial_url, "novnc"), (vnc_url, "serial"), (serial_url, "spicehtml5")):
        token = token_of(url(project, server))
        assert browser.status_of(f"ws://{ADDRESS}:{ports[other]}/?token={token}") == 403


@pytest.mark.parametrize("action", ["os-stop", "rebuild", "suspend", "shelve"])
def test_what_stops_the_guest_ends_its_console_and_revokes_the_token(
    cloud, project, server, catalog, action
):
    url = serial_url(project, server)
    arguments = {"imageRef": catalog["image"]} if action == "rebuild" else None
    with browser.opened(url) as console:
        console.receive_until(b"booted\r\n")
        project.user.act(server, action, arguments)
        assert console.closed() == (1000, "the guest stopped, or left its host")
    until("it is idle", lambda: project.user.show(server)["OS-EXT-STS:task_state"] is None)
    if action in ("os-stop", "suspend"):
        project.user.act(server, {"os-stop": "os-start", "suspend": "resume"}[action])
        project.user.wait_for(server, "ACTIVE")
    assert browser.status_of(url) == 403


def test_a_live_migration_ends_the_console_and_revokes_the_token(project, server):
    url, source = serial_url(project, server), project.host_of(server)
    with browser.opened(url) as console:
        console.receive_until(b"booted\r\n")
        project.admin.act(server, "os-migrateLive", AUTO)
        assert console.closed() == (1000, "the guest stopped, or left its host")
    until("it has moved", lambda: project.host_of(server) != source)
    project.user.wait_for(server, "ACTIVE")
    assert browser.status_of(url) == 403
    with browser.opened(serial_url(project, server)) as console:
        console.receive_until(b"migrated")


def test_a_resize_revokes_the_token(cloud, project, server):
    url = serial_url(project, server)
    project.admin.act(server, "migrate")
    project.user.wait_for(server, "VERIFY_RESIZE")
    assert browser.status_of(url) == 403
    late = serial_url(project, server)
    assert browser.status_of(late) == 101
    project.user.act(server, "revertResize")
    project.user.wait_for(server, "ACTIVE")
    assert browser.status_of(late) == 403


def test_a_deleted_server_has_no_console(project, server):
    url = serial_url(project, server)
    project.user.delete(f"/servers/{server}")
    project.user.wait_gone(server)
    assert browser.status_of(url) == 403


def test_the_guest_must_have_the_port_of_the_token(cloud, project, server):
    """Another guest may have got it: here the token names the port of another server's console."""
    other = project.boot()
    url, others = serial_url(project, server), serial_url(project, other)
    assert browser.status_of(others) == 101
    (row,) = cloud.query("SELECT port FROM console_tokens WHERE instance_uuid = :id", id=other)
    cloud.damage(
        "UPDATE console_tokens SET port = :port WHERE instance_uuid = :id",
        port=row["port"],
        id=server,
    )
    assert browser.status_of(url) == 403


def test_an_expired_token_opens_nothing(cloud, project, server):
    url = serial_url(project, server)
    cloud.damage("UPDATE console_tokens SET expires_at = UTC_TIMESTAMP(6) - INTERVAL 1 SECOND")
    assert browser.status_of(url) == 403


def test_a_proxy_waits_for_a_conductor(cloud, project, server):
    url = serial_url(project, server)
    cloud.conductor.restart()
    with browser.opened(url) as console:
        console.receive_until(b"booted\r\n")


# -- other pages ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        (f"http://{ADDRESS}", 101),
        (f"http://{ADDRESS}:8443", 101),
        ("http://dashboard.example", 101),
        ("http://evil.example", 403),
        (f"http://{ADDRESS}.evil.example", 403),
        (f"http://evil.example/{ADDRESS}", 403),
        (f"https://{ADDRESS}", 403),
        ("null", 403),
        ("http://[", 403),
    ],
)
def test_a_page_of_another_site_opens_no_console(project, server, origin, status):
    """CVE-2015-0259."""
    url = serial_url(project, server)
    assert browser.status_of(url, origin=origin) == status


def test_the_header_origin_must_be_unique(project, server):
    url = serial_url(project, server)
    header = ["Origin: http://evil.example"]
    assert browser.status_of(url, origin=f"http://{ADDRESS}", header=header) == 403


def _request(port: int, path: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(ADDRESS, port, timeout=20)
    connection.putrequest("GET", path)
    connection.endheaders()
    return connection.getresponse()


def test_pages_are_served_and_no_lists_of_files(proxies, ports):
    page = _request(ports["novnc"], "/vnc_lite.html?path=%3Ftoken%3Dx")
    assert (page.status, page.read().decode()) == (200, PAGE)
    assert page.headers["Referrer-Policy"] == "no-referrer"
    for path in ("/", "/app/", "/missing.html", "/../proxy.conf", "/%2e%2e/proxy.conf"):
        assert _request(ports["novnc"], path).status == 404


@pytest.mark.parametrize("path", ["//evil.example/%2e%2e", "//evil.example", "//app"])
def test_no_redirect_leads_to_another_site(proxies, ports, path):
    """CVE-2021-3654."""
    answer = _request(ports["novnc"], path)
    location = answer.headers.get("Location", "")
    assert not location.startswith(("//", "http"))
    assert answer.status in (400, 404, 301)


# -- logs ----------------------------------------------------------------------------------------


def test_no_log_has_a_token(cloud, proxies, project, server, ports):
    urls = [serial_url(project, server), vnc_url(project, server)]
    tokens = [token_of(url) for url in urls]
    for url in urls:
        assert browser.status_of(url) == 101
        assert browser.status_of(url, origin="http://evil.example") == 403
    serial, vnc = tokens
    assert _request(ports["novnc"], f"/vnc_lite.html?path=%3Ftoken%3D{vnc}").status == 200
    assert _request(ports["novnc"], f"/%3Ftoken%3D{vnc}").status == 404
    assert _request(ports["serial"], f"/?token={serial}").status in (200, 404, 405)
    assert browser.status_of(f"ws://{ADDRESS}:{ports['serial']}/", cookie=f"token={serial}") == 101
    _send_raw(ports["serial"], f"GET /?token={serial} HTTP/9.9 x\r\n\r\n".encode())
    _send_raw(ports["serial"], f"\x16token={serial}\r\n\r\n".encode())
    version = cloud.client("admin:admin", "2.31")
    assert version.get(f"/os-console-auth-tokens/{serial}")["console"]["instance_uuid"] == server
    logs = [daemon.process.log for daemon in (*cloud.daemons, *proxies.values())]
    for log in logs:
        text = log.read_text(errors="replace")
        assert text
        for token in tokens:
            assert token not in text, log
    assert "console opened by" in proxies["serial"].process.log.read_text()


def _send_raw(port: int, data: bytes) -> None:
    with socket.create_connection((ADDRESS, port), timeout=20) as line:
        line.sendall(data)
        while line.recv(4096):
            pass
