"""URLs of consoles: who gets one, from which host, and what the token in it opens."""

from __future__ import annotations

import logging
import urllib.parse

import pytest

from nova_mini import db, exception
from nova_mini.objects.console_auth_token import hash_of
from tests.unit.api.openstack.compute.conftest import HOST
from tests.unit.conftest import ADMIN

ADDRESS = {"host": "192.0.2.7", "port": 5901, "tls_port": None}
NOVNC = {
    **ADDRESS,
    "console_type": "novnc",
    "access_url_base": "http://console.example:6080/vnc_auto.html",
}
SERIAL = {**ADDRESS, "console_type": "serial", "access_url_base": "ws://console.example:6083/"}
SPICE = {**ADDRESS, "console_type": "spice-html5", "access_url_base": "http://c.example/s.html"}


def _create(cloud, server_id, protocol, console_type, *, version="2.96", **options):
    body = {"remote_console": {"protocol": protocol, "type": console_type}}
    return cloud.api.post(f"/servers/{server_id}/remote-consoles", body, version=version, **options)


def _query(url: str) -> dict[str, list[str]]:
    return urllib.parse.parse_qs(urllib.parse.urlsplit(url).query)


def _serial_token(cloud, server_id) -> str:
    cloud.bus.responses["get_serial_console"] = SERIAL
    url = _create(cloud, server_id, "serial", "serial").json["remote_console"]["url"]
    return _query(url)["token"][0]


def _show(cloud, token, *, version="2.31", user=ADMIN):
    return cloud.api.get(f"/os-console-auth-tokens/{token}", version=version, token=user)


@pytest.mark.parametrize(
    ("protocol", "console_type", "connection"),
    [("vnc", "novnc", NOVNC), ("serial", "serial", SERIAL), ("spice", "spice-html5", SPICE)],
)
def test_the_url_has_a_token_that_only_its_hash_is_stored_of(
    cloud, protocol, console_type, connection
):
    server_id = cloud.boot()
    cloud.bus.responses[f"get_{protocol}_console"] = connection
    answer = _create(cloud, server_id, protocol, console_type)
    assert answer.status_int == 200
    console = answer.json["remote_console"]
    url = console.pop("url")
    assert console == {"protocol": protocol, "type": console_type}
    assert url.startswith(connection["access_url_base"] + "?")
    ((_topic, host, method, kwargs),) = cloud.bus.sent
    assert (host, method) == (HOST, f"get_{protocol}_console")
    assert kwargs["instance"].uuid == server_id
    assert kwargs["console_type"] == console_type

    found = _query(url)
    # noVNC connects to the websocket at its parameter "path".
    nested = _query(found["path"][0]) if "path" in found else found
    token = nested["token"][0]
    (row,) = db.query.many(db.models.console_tokens)
    assert row["token_hash"] == hash_of(token)
    assert token not in str(dict(row))


def test_old_actions_end_with_2_5(cloud):
    server_id = cloud.boot()
    for action, console_type, method, connection in (
        ("os-getVNCConsole", "novnc", "get_vnc_console", NOVNC),
        ("os-getSPICEConsole", "spice-html5", "get_spice_console", SPICE),
        ("os-getSerialConsole", "serial", "get_serial_console", SERIAL),
    ):
        cloud.bus.responses[method] = connection
        answer = cloud.act(server_id, action, {"type": console_type}, version="2.5")
        assert answer.status_int == 200
        console = answer.json["console"]
        assert console["type"] == console_type
        assert console["url"].startswith(connection["access_url_base"])
        late = cloud.act(server_id, action, {"type": console_type}, version="2.6")
        assert late.status_int == 404
    assert _create(cloud, server_id, "serial", "serial", version="2.5").status_int == 404
    assert cloud.act(server_id, "os-getRDPConsole", {"type": "rdp-html5"}).status_int == 400


@pytest.mark.parametrize(
    ("protocol", "console_type", "version"),
    [("mks", "webmks", "2.7"), ("vnc", "vnc", "2.96"), ("telnet", "serial", "2.96")],
)
def test_unknown_consoles_are_refused_by_the_schema(cloud, protocol, console_type, version):
    answer = _create(cloud, cloud.boot(), protocol, console_type, version=version)
    assert answer.status_int == 400
    assert "Invalid input for field" in answer.json["badRequest"]["message"]


@pytest.mark.parametrize(("protocol", "console_type"), [("mks", "webmks"), ("rdp", "rdp-html5")])
def test_consoles_of_other_hypervisors_are_unavailable(cloud, protocol, console_type):
    server_id = cloud.boot()
    answer = _create(cloud, server_id, protocol, console_type, version="2.8")
    assert answer.status_int == 400
    assert answer.json["badRequest"]["message"] == f"Unavailable console type {console_type}."
    assert cloud.bus.sent == []
    other = _create(cloud, server_id, protocol, console_type, token="user:other")
    assert other.status_int == 404


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (exception.ConsoleTypeUnavailable(console_type="serial"), 400),
        (exception.ConsoleTypeInvalid(console_type="serial"), 400),
        (exception.InstanceNotReady(instance_id="x"), 409),
        (
            exception.InstanceInvalidState(
                method="get_serial_console", instance_uuid="x", attr="power state", state="shutdown"
            ),
            409,
        ),
    ],
)
def test_refusals_of_the_host(cloud, error, status):
    cloud.bus.responses["get_serial_console"] = error
    answer = _create(cloud, cloud.boot(), "serial", "serial")
    assert answer.status_int == status
    assert str(error) in answer.text.replace('\\"', '"')
    assert db.query.many(db.models.console_tokens) == []


def test_a_server_that_leaves_or_is_on_no_host_is_409(cloud):
    server_id = cloud.boot()
    for columns in (
        {"task_state": "migrating"},
        {"task_state": "deleting"},
        {"task_state": None, "host": None},
    ):
        cloud.set(server_id, **columns)
        assert _create(cloud, server_id, "serial", "serial").status_int == 409
    cloud.set(server_id, host=HOST)
    db.query.update(db.models.services, {"version": 3})
    old = _create(cloud, server_id, "serial", "serial")
    assert "must be upgraded" in old.json["conflictingRequest"]["message"]
    assert cloud.bus.sent == []


def test_only_members_of_the_project_get_a_url(cloud, operators_file):
    server_id = cloud.boot()
    cloud.bus.responses["get_serial_console"] = SERIAL
    assert _create(cloud, server_id, "serial", "serial", token="user:other").status_int == 404
    assert _create(cloud, server_id, "serial", "serial", token=ADMIN).status_int == 200
    operators_file('"os_compute_api:os-remote-consoles": "!"')
    assert _create(cloud, server_id, "serial", "serial").status_int == 403


# -- tokens --------------------------------------------------------------------------------------


def test_an_administrator_sees_what_a_token_opens(cloud):
    server_id = cloud.boot()
    token = _serial_token(cloud, server_id)
    assert _show(cloud, token).json == {
        "console": {
            "instance_uuid": server_id,
            "host": "192.0.2.7",
            "port": 5901,
            "internal_access_path": None,
        }
    }
    assert _show(cloud, token, user="user:project").status_int == 403
    assert _show(cloud, token, version="2.30").status_int == 400
    assert _show(cloud, "no-such-token").status_int == 404
    assert _show(cloud, hash_of(token)).status_int == 404


def test_no_log_has_the_token(cloud, caplog):
    caplog.set_level(logging.DEBUG)
    token = _serial_token(cloud, cloud.boot())
    assert _show(cloud, token).status_int == 200
    assert "GET /v2.1/os-console-auth-tokens/***" in caplog.text
    assert token not in caplog.text


@pytest.mark.parametrize("action", sorted(db.console_tokens.ENDING_ACTIONS))
def test_an_action_that_ends_consoles_revokes_earlier_tokens(cloud, action):
    server_id = cloud.boot()
    token = _serial_token(cloud, server_id)
    assert _show(cloud, token).status_int == 200
    db.query.insert(
        db.models.instance_actions,
        {"instance_uuid": server_id, "action": action, "start_time": db.query.now()},
    )
    assert _show(cloud, token).status_int == 404
    assert _show(cloud, _serial_token(cloud, server_id)).status_int == 200


def test_a_request_to_stop_the_server_revokes_its_tokens_at_once(cloud):
    server_id, other_id = cloud.boot(), cloud.boot()
    token, others = _serial_token(cloud, server_id), _serial_token(cloud, other_id)
    assert cloud.act(server_id, "os-stop").status_int == 202
    assert _show(cloud, token).status_int == 404
    assert _show(cloud, others).status_int == 200


def test_a_stop_while_the_host_is_asked_revokes_the_token(cloud, monkeypatch):
    server_id = cloud.boot()
    cloud.bus.responses["get_serial_console"] = SERIAL
    sent = []

    class Interleaved(list):
        def append(self, message):
            super().append(message)
            if not sent:
                sent.append(message)
                assert cloud.act(server_id, "os-stop").status_int == 202

    cloud.bus.sent = Interleaved()
    url = _create(cloud, server_id, "serial", "serial").json["remote_console"]["url"]
    assert len(cloud.bus.sent) == 2
    assert _show(cloud, _query(url)["token"][0]).status_int == 404


@pytest.mark.parametrize("columns", [{"host": "elsewhere"}, {"host": None}, {"deleted": True}])
def test_a_token_is_bound_to_the_host_of_its_server(cloud, columns):
    server_id = cloud.boot()
    token = _serial_token(cloud, server_id)
    cloud.set(server_id, **columns)
    assert _show(cloud, token).status_int == 404


def test_a_token_expires(cloud, override):
    override("token_ttl", 1, "consoleauth")
    token = _serial_token(cloud, cloud.boot())
    assert _show(cloud, token).status_int == 200
    assert db.console_tokens.remove_expired() == 0
    tokens = db.models.console_tokens
    db.query.update(tokens, {"expires_at": db.query.now()})
    assert _show(cloud, token).status_int == 404
    assert db.console_tokens.remove_expired() == 1
    assert db.query.many(tokens) == []


# -- 2.99 ----------------------------------------------------------------------------------------

DIRECT = {
    "host": "192.0.2.7",
    "port": 5900,
    "tls_port": 5901,
    "console_type": "spice-direct",
    "access_url_base": "http://spice.example/nova",
}


def test_native_spice_clients_get_both_ports(cloud):
    server_id = cloud.boot()
    cloud.bus.responses["get_spice_console"] = DIRECT
    early = _create(cloud, server_id, "spice", "spice-direct", version="2.98")
    assert early.status_int == 400
    answer = _create(cloud, server_id, "spice", "spice-direct", version="2.99")
    url = answer.json["remote_console"]["url"]
    assert url.startswith("http://spice.example/nova?token=")
    token = _query(url)["token"][0]
    shown = _show(cloud, token, version="2.99").json["console"]
    assert (shown["port"], shown["tls_port"]) == (5900, 5901)
    assert "tls_port" not in _show(cloud, token, version="2.98").json["console"]
    serial = _show(cloud, _serial_token(cloud, server_id), version="2.99")
    assert "tls_port" not in serial.json["console"]


def test_unknown_queries_of_tokens_are_refused_from_2_99_on(cloud):
    token = _serial_token(cloud, cloud.boot())
    assert _show(cloud, f"{token}?x=1", version="2.98").status_int == 200
    assert _show(cloud, f"{token}?x=1", version="2.99").status_int == 400
