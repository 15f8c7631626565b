"""Runs a console proxy as a daemon until SIGTERM."""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable
from typing import Any, NoReturn, cast

from nova_mini import exception, memory, rpc, service, systemd
from nova_mini.conf import CONF
from nova_mini.console.server import ConsoleProxy, Settings
from nova_mini.objects.base import NovaObject
from nova_mini.rpcapi.conductor import ConductorAPI

LOG = logging.getLogger(__name__)


def run(read_settings: Callable[[], Settings]) -> NoReturn:
    """``read_settings()``: called when the configuration is read. Consoles that are open end with
    the process."""
    service.prepare()
    NovaObject.indirection_api = cast("Any", ConductorAPI())
    settings = read_settings()
    try:
        proxy = ConsoleProxy(settings)
    except (OSError, exception.ConfigurationError) as exc:
        print(f"{settings.name}: {settings.host}:{settings.port}: {exc}", file=sys.stderr)
        sys.exit(2)
    # shutdown() waits for serve_forever(), which this thread runs.
    stop = threading.Thread(target=proxy.shutdown, daemon=True).start
    signal.signal(signal.SIGTERM, lambda *_: stop())
    signal.signal(signal.SIGINT, lambda *_: stop())
    signal.signal(signal.SIGHUP, lambda *_: CONF.mutate_config_files())
    signal.signal(signal.SIGUSR2, service.dump_state)
    LOG.info("%s: listening on %s:%d", settings.name, settings.host, settings.port)
    memory.trim_and_freeze()
    systemd.notify("READY=1")
    proxy.serve_forever()
    systemd.notify("STOPPING=1")
    proxy.server_close()
    rpc.cleanup()
    logging.shutdown()
    os._exit(0)  # without waiting for the threads of open consoles
