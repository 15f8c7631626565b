"""Names that a server is given when its user gives none, and passwords."""

from __future__ import annotations

import re
import secrets
import string

_HOSTNAME_LENGTH = 63  # of one DNS label
_PASSWORD_LENGTH = 12
# Without characters that are easily taken for one another.
_PASSWORD_SYMBOLS = "".join(set(string.ascii_letters + string.digits) - set("Il1O0o"))
_PASSWORD_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def display_name(name: str, index: int, count: int) -> str:
    """``name``, numbered from 1 where one request makes several servers."""
    return f"{name}-{index + 1}" if count > 1 else name


def hostname(name: str, uuid: str) -> str:
    """A host name (one DNS label) made of a server's name; of its uuid when nothing is left."""
    label = re.sub(r"[ _.]", "-", name)
    label = re.sub(r"[^a-zA-Z0-9-]", "", label).lower()
    return label.strip("-")[:_HOSTNAME_LENGTH].rstrip("-") or f"server-{uuid}"


def password() -> str:
    """A random one with a small letter, a capital and a digit at least."""
    while True:
        made = "".join(secrets.choice(_PASSWORD_SYMBOLS) for _ in range(_PASSWORD_LENGTH))
        if all(set(made) & set(symbols) for symbols in _PASSWORD_CLASSES):
            return made


def reservation_id() -> str:
    """What servers of one request have in common: ``r-`` and eight letters and digits."""
    symbols = string.ascii_lowercase + string.digits
    return "r-" + "".join(secrets.choice(symbols) for _ in range(8))
