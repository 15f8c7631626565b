"""Generated names and passwords of new servers."""

from __future__ import annotations

import re
import secrets
import string

MAX_LENGTH = 255  # of a display name
_HOSTNAME_LENGTH = 63  # of one DNS label
_PASSWORD_LENGTH = 12
# Without characters that look alike.
_PASSWORD_SYMBOLS = "".join(set(string.ascii_letters + string.digits) - set("Il1O0o"))
_PASSWORD_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def display_name(name: str, index: int, count: int) -> str:
    """Return ``name``, with a number from 1 if the request creates several servers."""
    return f"{name}-{index + 1}" if count > 1 else name


def hostname(name: str, uuid: str) -> str:
    """Return a DNS label made from a server's name, or from its uuid if nothing of it is left."""
    label = re.sub(r"[ _.]", "-", name)
    label = re.sub(r"[^a-zA-Z0-9-]", "", label).lower()
    return label.strip("-")[:_HOSTNAME_LENGTH].rstrip("-") or f"server-{uuid}"


def password() -> str:
    """Return a random password with at least one lower case letter, upper case letter and digit."""
    while True:
        candidate = "".join(secrets.choice(_PASSWORD_SYMBOLS) for _ in range(_PASSWORD_LENGTH))
        if all(set(candidate) & set(symbols) for symbols in _PASSWORD_CLASSES):
            return candidate


def reservation_id() -> str:
    """Return an id for the servers of one request: ``r-`` and eight letters and digits."""
    symbols = string.ascii_lowercase + string.digits
    return "r-" + "".join(secrets.choice(symbols) for _ in range(8))
