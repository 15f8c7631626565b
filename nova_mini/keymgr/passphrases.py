"""Passphrases that this service makes: they are kept in the key manager only.

A passphrase belongs to the user whose request needs it. Work without a token of the server's
project makes one that belongs to the service. Its name says what it is for, so that one whose
maker died before it recorded the id is found again.
"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Iterator
from typing import TYPE_CHECKING

import requests
from keystoneauth1 import exceptions as ks_exc

from nova_mini import exception
from nova_mini.context import RequestContext, get_admin_context
from nova_mini.keymgr import keys
from nova_mini.trace import traced

if TYPE_CHECKING:
    from castellan.key_manager.key_manager import KeyManager

_RANDOM_BYTES = 48


@dataclasses.dataclass(frozen=True)
class Passphrase:
    """Where it is kept. ``is_of_service``: its owner is the service, not the user."""

    id: str
    is_of_service: bool = False


class Passphrases:
    """Thread-safe. All methods raise ConfigurationError for a backend that does not exist."""

    def __init__(self, of_manager: keys.Keys | None = None):
        self._keys = of_manager or keys.Keys()

    @traced("Passphrases.get")
    def get(self, context: RequestContext, passphrase: Passphrase, project_id: str) -> bytes:
        """The content, for a server of ``project_id``. Raises KeyNotAvailable."""
        reader = get_admin_context() if passphrase.is_of_service else context
        return self._keys.get(reader, passphrase.id, project_id)

    @traced("Passphrases.ensure")
    def ensure(self, context: RequestContext, project_id: str, name: str) -> Passphrase:
        """A random passphrase with that name; if there is one already, this one. Raises
        KeyManagerUnavailable, KeyNotStored."""
        from castellan.common.objects import passphrase as castellan_passphrase

        manager, owner = self._keys.manager(), _owner(context, project_id)
        with _translated() as causes:
            found = _find(manager, owner, name)
            if not found:
                content = secrets.token_urlsafe(_RANDOM_BYTES).encode()
                new = castellan_passphrase.Passphrase(content, name=name)
                found = [manager.store(owner, new)]
        if causes:
            raise exception.KeyNotStored(internal=causes[0])
        return Passphrase(found[0], owner.is_service)

    @traced("Passphrases.delete")
    def delete(
        self, context: RequestContext, project_id: str, name: str, known: Passphrase | None
    ) -> None:
        """Delete the ``known`` one, and all others with that name, as the user and as the service.
        Idempotent. Raises KeyManagerUnavailable, KeyNotDeleted."""
        manager = self._keys.manager()
        callers = [keys.user_caller(context)] if keys.has_token(context) else []
        deleted: set[str] = set()
        left: dict[str, list[str]] = {}  # id -> why it is not deleted; nothing: it is not found
        for caller in (*callers, keys.service_caller(project_id)):
            found = set(left)
            if known and (caller.is_service or not known.is_of_service):
                found.add(known.id)
            with _translated():
                found.update(_find(manager, caller, name))
            for each in sorted(found - deleted):
                refusals = _delete(manager, caller, each)
                if refusals is None:
                    deleted.add(each)
                    left.pop(each, None)
                else:
                    left[each] = refusals
        if causes := [cause for refusals in left.values() for cause in refusals]:
            raise exception.KeyNotDeleted(internal="; ".join(causes))


def _owner(context: RequestContext, project_id: str) -> keys.Caller:
    if keys.has_token(context) and context.project_id == project_id:
        return keys.user_caller(context)
    return keys.service_caller(project_id)


def _find(manager: KeyManager, caller: keys.Caller, name: str) -> list[str]:
    """The ids of the passphrases with that name which the caller sees."""
    from castellan.common.objects import passphrase as castellan_passphrase
    from castellan.key_manager import barbican_key_manager

    if isinstance(manager, barbican_key_manager.BarbicanKeyManager):
        # castellan's own list has the first ten secrets of a project, and no filter.
        client = manager._get_barbican_client(caller)
        return [each.secret_ref.rpartition("/")[2] for each in client.secrets.list(name=name)]
    listed = manager.list(caller, castellan_passphrase.Passphrase, metadata_only=True)
    return [each.id for each in listed if each.name == name and each.id]


def _delete(manager: KeyManager, caller: keys.Caller, key_id: str) -> list[str] | None:
    """None: it is deleted. Else the refusal; none for a key that does not exist, or that the caller
    does not see."""
    from castellan.common import exception as castellan_exc

    with _translated() as causes:
        try:
            manager.delete(caller, key_id)
        except castellan_exc.ManagedObjectNotFoundError:
            return []
    return causes or None


@contextlib.contextmanager
def _translated() -> Iterator[list[str]]:
    """Context manager: collects the refusal of the key manager, if there is one, in the list that
    it yields. Raises KeyManagerUnavailable."""
    from barbicanclient import exceptions as barbican_exc
    from castellan.common import exception as castellan_exc

    causes: list[str] = []
    try:
        yield causes
    except (
        castellan_exc.CastellanException,
        ks_exc.ClientException,
        barbican_exc.BarbicanException,
        barbican_exc.HTTPError,
        requests.RequestException,
    ) as exc:
        cause = f"{type(exc).__name__}: {exc}"
        if _is_unavailable(exc):
            raise exception.KeyManagerUnavailable(internal=cause) from None
        causes.append(cause)


def _is_unavailable(exc: BaseException) -> bool:
    """castellan raises an error of its own for any other one, which it hides in its context."""
    from barbicanclient import exceptions as barbican_exc

    unavailable = (
        ks_exc.ConnectFailure,
        ks_exc.DiscoveryFailure,
        ks_exc.HttpServerError,
        barbican_exc.HTTPServerError,
        requests.ConnectionError,
        requests.Timeout,
    )
    seen: BaseException | None = exc
    while seen is not None:
        if isinstance(seen, unavailable):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
