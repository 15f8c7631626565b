"""keystonemiddleware's ``authtoken``, which does not ask memcached again with every request.

Who makes one request makes more within seconds: what was found out of a token is kept that long in
the process. Expiry is looked at with each request all the same; a revoked token, which memcached
knows for ``token_cache_time``, is good for these seconds longer.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

import cachetools
from keystonemiddleware import auth_token

from nova_mini.conf import CONF

_SECONDS = 5
_TOKENS = 1024


class AuthToken(auth_token.AuthProtocol):
    def __init__(self, application, local_config: dict):
        super().__init__(application, local_config)
        # Where tokens are not to be cached (-1) they are not cached here either.
        seconds = max(0, min(_SECONDS, CONF.keystone_authtoken.token_cache_time))
        self._verified = cachetools.TTLCache(_TOKENS, ttl=seconds)
        self._lock = threading.Lock()

    @classmethod
    def factory(cls, global_config: dict, **local_config) -> Callable:
        return lambda application: cls(application, {**global_config, **local_config})

    @cachetools.cachedmethod(
        lambda self: self._verified,
        key=lambda _self, token, **_how: token,
        lock=lambda self: self._lock,
    )
    def fetch_token(self, token: str, **how) -> dict:
        """What Keystone says of the token, which nobody changes. Raises InvalidToken."""
        return super().fetch_token(token, **how)
