"""The administrator password that a guest has generated, stored in the system metadata.

The guest encrypts it with the user's public key. The text is split into four pieces of at most 255
characters.
"""

from __future__ import annotations

from collections.abc import Mapping

from nova_mini import exception
from nova_mini.context import RequestContext
from nova_mini.objects.instance import Instance

_SAVE_ATTEMPTS = 5  # while the server is being changed
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


def store(context: RequestContext, instance_uuid: str, password: str) -> bool:
    """Store the password of a guest. Returns False if there is one: its owner may have read it.

    Raises InstanceNotFound, and InstanceChanged if the server is being changed all the time.
    """
    return _save(context, instance_uuid, convert(password), is_stored=False)


def clear(context: RequestContext, instance_uuid: str) -> None:
    """Remove the stored password. Idempotent. Raises the errors of :func:`store`."""
    _save(context, instance_uuid, dict.fromkeys(convert("")), is_stored=True)


def _save(
    context: RequestContext, instance_uuid: str, items: Mapping[str, str | None], *, is_stored: bool
) -> bool:
    """Write the items if the server has a password (``is_stored``), or if it has none. Returns
    whether they were written."""
    for attempt in range(1, _SAVE_ATTEMPTS + 1):
        instance = Instance.get_by_uuid(context, instance_uuid)
        if bool(extract(instance.system_metadata)) is not is_stored:
            return False
        instance.update_system_metadata(dict(items))
        try:
            instance.save()
            break
        except exception.InstanceChanged:
            if attempt == _SAVE_ATTEMPTS:
                raise
    return True
