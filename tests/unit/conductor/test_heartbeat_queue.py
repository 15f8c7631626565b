"""Heartbeats over a bus inside the process."""

from __future__ import annotations

import pytest

from nova_mini import rpc
from nova_mini.conf import CONF
from nova_mini.rpcapi import heartbeat_queue
from tests.functional.harness import waiting


@pytest.fixture
def bus(tmp_path):
    config = tmp_path / "nova.conf"
    config.write_text("[DEFAULT]\ntransport_url = fake:/\n")
    CONF([f"--config-file={config}"], project="nova-mini")
    rpc.init()
    yield
    rpc.cleanup()
    CONF([], project="nova-mini", default_config_files=[])


def test_heartbeats_are_received(bus):
    taken: dict[str, bool] = {}
    server = heartbeat_queue.get_server(taken.__setitem__)
    server.start(override_pool_size=1)
    try:
        heart = heartbeat_queue.Heart()
        heart.beat("one", True)
        heart.beat("other", False)
        waiting.until("both are taken", lambda: taken == {"one": True, "other": False}, 5)
    finally:
        server.stop()
        server.wait()
