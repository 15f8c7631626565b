"""The doctor's audit of the whole cloud, with and without a broker."""

from __future__ import annotations

import socket

import oslo_messaging as messaging
import pytest

from nova_mini.conf import CONF
from nova_mini.doctor import audit, hypervisors
from tests.unit.db import records


@pytest.fixture
def port():
    messaging.TransportURL.parse(CONF)  # registers the option
    with socket.create_server(("127.0.0.1", 0)) as listening:
        CONF.set_override("transport_url", f"rabbit://u:s3cret@127.0.0.1:{_port(listening)}/")
        yield listening
        CONF.clear_override("transport_url")


def _port(listening: socket.socket) -> int:
    return listening.getsockname()[1]


def test_an_unreachable_broker_is_a_finding(database, port):
    port.close()
    records.add_service("h1")
    ((one,), looked_at) = audit.audit()
    assert (one.kind, one.can_be_fixed) == ("broker-away", False)
    assert "s3cret" not in str(one.as_dict())
    assert looked_at == ["the database", "0 of 1 hypervisors"]


def test_every_running_compute_is_audited(database, port, monkeypatch):
    hosts: list[str] = []
    monkeypatch.setattr(hypervisors, "_audit", lambda host: hosts.append(host) or [])
    records.add_service("h1")
    records.add_service("h2", seen=records.LONG_AGO)
    findings, looked_at = audit.audit()
    assert hosts == ["h1"]
    assert [one.kind for one in findings] == ["service-down"]
    assert looked_at == ["the database", "1 of 2 hypervisors"]
