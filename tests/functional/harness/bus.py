"""Send RPC messages from the test process over the cloud's message bus."""

from __future__ import annotations

import contextlib
import pathlib
from collections.abc import Iterator

import oslo_messaging as messaging

from nova_mini import objects, rpc
from nova_mini.conf import CONF


def cast(context, topic: str, server: str, method: str, **arguments) -> None:
    """Cast a message to ``<topic>.<server>``."""
    target = messaging.Target(topic=topic, server=server, version="1.0")
    rpc.get_client(target).cast(context, method, **arguments)


@contextlib.contextmanager
def connected(config_file: pathlib.Path) -> Iterator[None]:
    """Connect to the bus. :func:`cast` can be used in the block."""
    rpc.set_defaults()
    CONF([f"--config-file={config_file}"], project="nova-mini")
    objects.register_all()
    rpc.init()
    try:
        yield
    finally:
        rpc.cleanup()
        CONF.reset()
