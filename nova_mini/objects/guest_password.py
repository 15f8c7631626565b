"""The administrator password that a guest has generated, stored in the system metadata.

The guest encrypts it with the user's public key. The text is split into four pieces of at most 255
characters.
"""

from __future__ import annotations

_PIECES = 4
_PIECE_LENGTH = 255
MAX_SIZE = _PIECES * _PIECE_LENGTH


def extract(system_metadata: dict[str, str]) -> str:
    """The stored password, "" if there is none."""
    return "".join(system_metadata.get(f"password_{number}", "") for number in range(_PIECES))


def convert(password: str) -> dict[str, str]:
    """The items of the system metadata for a password of at most ``MAX_SIZE`` characters."""
    return {
        f"password_{number}": password[number * _PIECE_LENGTH : (number + 1) * _PIECE_LENGTH]
        for number in range(_PIECES)
    }
