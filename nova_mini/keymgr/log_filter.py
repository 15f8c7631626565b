"""Keeps what is stored in Barbican out of the log: keystoneauth logs the bodies of its requests at
the level DEBUG, which its default of WARN hides, but an operator may change."""

from __future__ import annotations

import logging
import re

_LOGGER = "keystoneauth.session"
_PAYLOAD = re.compile(r'("payload": ")[^"]*')


def install() -> None:
    """Idempotent."""
    logging.getLogger(_LOGGER).addFilter(_hide_payload)


def _hide_payload(record: logging.LogRecord) -> bool:
    message = record.getMessage()
    if '"payload"' in message:
        record.msg, record.args = _PAYLOAD.sub(r"\1***", message), ()
    return True
