"""Read keys from the key manager: Barbican, Vault or another backend of castellan.

A key is read with the token of the user's request. Work without a token (a resumed action, a
periodic task) and administrators of other projects read it as the service, if the key manager
permits that. castellan is imported when it is first needed: most processes never need it.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from keystoneauth1 import exceptions as ks_exc
from keystoneauth1 import plugin
from oslo_config import cfg
from oslo_context import context as oslo_context

from nova_mini import exception, service_auth
from nova_mini.conf import CONF
from nova_mini.keymgr import log_filter
from nova_mini.trace import traced

if TYPE_CHECKING:
    from castellan.key_manager.key_manager import KeyManager
    from keystoneauth1.session import Session

    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

# Credentials with which the service reads keys, and looks up the key manager's endpoint: the first
# of these sections that has any.
_GROUPS = ("barbican_service_user", "service_user", "cinder")


class Keys:
    """Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._manager: KeyManager | None = None

    @traced("Keys.get")
    def get(self, context: RequestContext, key_id: str, project_id: str) -> bytes:
        """The key ``key_id`` of something that belongs to a server of ``project_id``.

        Raises KeyNotAvailable; the message has no part of the key. Raises ConfigurationError for a
        backend that does not exist.
        """
        from castellan.common import exception as castellan_exc

        causes = []
        for caller in callers(context, project_id):
            try:
                found = self.manager().get(caller, key_id).get_encoded()
                if found:
                    return found
                causes.append("it has no content")
            except (castellan_exc.CastellanException, ks_exc.ClientException) as exc:
                causes.append(f"{type(exc).__name__}: {exc}")
        raise exception.KeyNotAvailable(key_id=key_id, internal="; ".join(causes))

    def manager(self) -> KeyManager:
        """castellan's own object. Raises ConfigurationError."""
        with self._lock:
            if self._manager is None:
                self._manager = _load_manager()
            return self._manager


def _load_manager() -> KeyManager:
    """castellan gets a configuration of its own, from the same files: its option ``backend`` has
    another default and would collide with that of nova_mini."""
    from castellan import key_manager

    if not CONF.key_manager.backend:
        raise exception.ConfigurationError("[key_manager] backend is not set")
    log_filter.install()
    conf = cfg.ConfigOpts()
    files, folders = CONF.config_file or [], CONF.config_dir or []
    conf([], project="nova-mini", default_config_files=files, default_config_dirs=folders)
    conf.register_opts(key_manager.key_manager_opts, group="key_manager")
    conf.set_override("backend", CONF.key_manager.backend, group="key_manager")
    try:
        return key_manager.API(conf)
    except (ImportError, ValueError) as exc:
        name = CONF.key_manager.backend
        raise exception.ConfigurationError(f"[key_manager] backend={name}: {exc}") from exc


# -- who reads the key ---------------------------------------------------------------------------


def callers(context: RequestContext, project_id: str) -> Iterator[Caller]:
    """The user of the request, then the service. The service reads nothing for a user of the
    server's own project whom the key manager refuses the key."""
    if has_token(context):
        yield user_caller(context)
        if context.project_id == project_id:
            return
    yield service_caller(project_id)


def has_token(context: RequestContext) -> bool:
    """Whether the key manager can know the context's user."""
    return bool(context.auth_token) and CONF.api.auth_strategy != "noauth2"


def user_caller(context: RequestContext) -> Caller:
    auth = service_auth.user_plugin(context, _service_group())
    return Caller(auth, context.project_id, is_service=False)


def service_caller(project_id: str | None) -> Caller:
    return Caller(service_auth.service_plugin(_service_group()), project_id, is_service=True)


def _service_group() -> str:
    for group in _GROUPS:
        if CONF[group].auth_type or CONF[group].auth_section:
            return group
    return _GROUPS[-1]


class Caller(oslo_context.RequestContext):
    """castellan asks a context for its plugin of keystoneauth."""

    def __init__(self, auth: plugin.BaseAuthPlugin, project_id: str | None, *, is_service: bool):
        super().__init__(project_id=project_id, overwrite=False)
        self.is_service = is_service
        self._auth = auth

    def get_auth_plugin(self) -> plugin.BaseAuthPlugin:
        return _BoundedAuth(self._auth)


class _BoundedAuth(plugin.BaseAuthPlugin):
    """The session is castellan's, and has no timeout: it gets that of the service's requests to
    Cinder."""

    def __init__(self, auth: plugin.BaseAuthPlugin):
        super().__init__()
        self._auth = auth

    def get_headers(self, session: Session) -> dict[str, str] | None:
        session.timeout = CONF.cinder.timeout
        return self._auth.get_headers(session)

    def get_endpoint(self, session: Session, **kwargs: Any) -> str | None:
        session.timeout = CONF.cinder.timeout
        return self._auth.get_endpoint(session, **kwargs)
