"""The password that a guest made and encrypted for its owner, kept in its system metadata.

It is text that only the owner's private key opens; it is cut into pieces that fit a column.
"""

from __future__ import annotations

_PIECES = 4
_PIECE_LENGTH = 255
MAX_SIZE = _PIECES * _PIECE_LENGTH


def extract(system_metadata: dict[str, str]) -> str:
    return "".join(system_metadata.get(f"password_{number}", "") for number in range(_PIECES))


def convert(password: str) -> dict[str, str]:
    """The entries of system metadata that keep it; of at most ``MAX_SIZE`` characters."""
    return {
        f"password_{number}": password[number * _PIECE_LENGTH : (number + 1) * _PIECE_LENGTH]
        for number in range(_PIECES)
    }
