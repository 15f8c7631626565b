"""keystonemiddleware's ``authtoken`` with a cache in the process, in addition to memcached.

A client that makes one request often makes more within seconds, so the data of a verified token is
cached for ``_SECONDS``. Its expiry is still checked with every request.

A revoked token is refused as soon as both caches have expired: memcached, after
``[keystone_authtoken] token_cache_time``, and then the process, whose copy may come from memcached.
By default each takes 5 seconds, so a revoked token is accepted for 10 seconds at most. (The default
of keystonemiddleware is 300 seconds.) A token in use costs one request to Keystone in 5 seconds.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import cachetools
from keystonemiddleware import auth_token

from nova_mini.conf import CONF

if TYPE_CHECKING:
    from wsgiref.types import WSGIApplication

_SECONDS = 5
_TOKENS = 1024
_GROUP = "keystone_authtoken"

CONF.set_default("token_cache_time", _SECONDS, group=_GROUP)  # auth_token has registered it


class AuthToken(auth_token.AuthProtocol):
    def __init__(self, application: WSGIApplication, local_config: dict):
        super().__init__(application, local_config)
        # With token_cache_time=-1 (no cache) this is 0: nothing is cached here either.
        seconds = max(0, min(_SECONDS, CONF.keystone_authtoken.token_cache_time))
        self._verified: cachetools.TTLCache[Any, Any] = cachetools.TTLCache(_TOKENS, ttl=seconds)
        self._lock = threading.Lock()

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> Callable:
        return lambda application: cls(application, {**global_config, **local_config})

    @cachetools.cachedmethod(
        lambda self: self._verified,
        key=lambda _self, token, **_options: token,
        lock=lambda self: self._lock,
    )
    def fetch_token(self, token: str, **options: Any) -> dict:
        """The data of the token. Callers share it and must not change it. Raises InvalidToken."""
        return super().fetch_token(token, **options)
