"""A key manager with one key, which is in the configuration. For tests and trials, like Cinder's
``cinder.keymgr.conf_key_mgr.ConfKeyManager``, whose keys it reads."""

from __future__ import annotations

import binascii
from typing import Any, NoReturn

from castellan.common import exception as castellan_exc
from castellan.common.objects import symmetric_key
from castellan.key_manager import key_manager
from oslo_config import cfg

from nova_mini.conf import CONF

KEY_ID = "00000000-0000-0000-0000-000000000000"  # the one that Cinder stores for such a key


class ConfKeyManager(key_manager.KeyManager):
    """Knows the key of ``[key_manager] fixed_key``; creates, stores and deletes nothing."""

    def __init__(self, configuration: cfg.ConfigOpts):
        try:
            self._key = binascii.unhexlify(CONF.key_manager.fixed_key or "")
        except ValueError:
            self._key = b""
        if not self._key:
            raise castellan_exc.KeyManagerError(
                reason="set [key_manager] fixed_key to an even number of hexadecimal digits"
            )

    def get(
        self, context: Any, managed_object_id: str, metadata_only: bool = False
    ) -> symmetric_key.SymmetricKey:
        """The key. Raises ManagedObjectNotFoundError for any other id than :data:`KEY_ID`."""
        if managed_object_id != KEY_ID:
            raise castellan_exc.ManagedObjectNotFoundError(uuid=managed_object_id)
        content = None if metadata_only else self._key
        return symmetric_key.SymmetricKey("AES", len(self._key) * 8, content)

    def create_key(self, context: Any, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("create keys")

    def create_key_pair(self, context: Any, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("create keys")

    def store(self, context: Any, managed_object: Any, expiration: str | None = None) -> NoReturn:
        _refuse("store keys")

    def list(self, context: Any, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("list keys")

    def delete(self, context: Any, managed_object_id: str, force: bool = False) -> NoReturn:
        _refuse("delete keys")

    def add_consumer(self, context: Any, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("count the users of a key")

    def remove_consumer(self, context: Any, *args: Any, **kwargs: Any) -> NoReturn:
        _refuse("count the users of a key")


def _refuse(what: str) -> NoReturn:
    raise castellan_exc.KeyManagerError(reason=f"a key manager with a fixed key cannot {what}")
