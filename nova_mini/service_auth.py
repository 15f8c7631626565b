"""Authentication for requests to other OpenStack services, on behalf of a user or as the service.

Sessions, with their connections and the service's own tokens, are shared by all threads of a
process. A request on behalf of a user carries the user's token, but the endpoint is looked up with
the service's own credentials (or set by ``endpoint_override``). So the messages need not contain
the service catalog.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from keystoneauth1 import adapter, exceptions, loading, noauth, plugin, service_token, session

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.conf._service import GROUPS, register_service_opts
from nova_mini.trace import waiting

if TYPE_CHECKING:
    import requests

    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

register_service_opts(CONF)

_LOGIN_TIMEOUT = 2  # seconds, of :func:`log_in`

_lock = threading.Lock()
# Key: the cache ID of the credentials. Groups with the same credentials share a token, because
# Keystone needs a quarter of a second to check a password.
_logins: dict[str, plugin.BaseAuthPlugin] = {}


def is_configured(group: str) -> bool:
    """Whether the cloud has the service of ``[group]``."""
    return bool(CONF[group].auth_type or CONF[group].auth_section or CONF[group].endpoint_override)


def get_adapter(
    context: RequestContext, group: str, *, as_service: bool = False
) -> adapter.Adapter:
    """A client of the service of ``[group]``, on behalf of the context's user or ``as_service``.

    A context without a token, as of periodic tasks, acts as the service. Raises ConfigurationError
    when the group has neither credentials nor an ``endpoint_override``.
    """
    auth = service_plugin(group) if as_service else user_plugin(context, group)
    return _adapter(get_session(group), auth, group, global_request_id=context.global_id)


def _adapter(
    session: session.Session, auth: plugin.BaseAuthPlugin, group: str, **more
) -> adapter.Adapter:
    options = CONF[group]
    return adapter.Adapter(
        session,
        auth=auth,
        service_type=options.service_type,
        service_name=options.service_name,
        interface=options.valid_interfaces,
        region_name=options.region_name,
        endpoint_override=options.endpoint_override,
        **more,
    )


def user_plugin(context: RequestContext, group: str) -> plugin.BaseAuthPlugin:
    """The user's token, with a service token where ``[service_user]`` says so.

    Other services do not know the tokens of noauth2: with it, the service's own credentials.
    """
    service = service_plugin(group)
    if not context.auth_token or CONF.api.auth_strategy == "noauth2":
        return service
    user = _UserToken(context.auth_token, service)
    if not CONF.service_user.send_service_user_token:
        return user
    return service_token.ServiceTokenAuthWrapper(user, service_plugin("service_user"))


def plugin_with_service_token(
    context: RequestContext, group: str, *, as_service: bool = False
) -> plugin.BaseAuthPlugin:
    """As :func:`user_plugin`, but with a service token also for requests as the service.

    Cinder requires a service token to delete the attachment of a volume in use.
    """
    acts_as_service = as_service or not context.auth_token or CONF.api.auth_strategy == "noauth2"
    if not acts_as_service:
        return user_plugin(context, group)
    service = service_plugin(group)
    if not CONF.service_user.send_service_user_token:
        return service
    return service_token.ServiceTokenAuthWrapper(service, service_plugin("service_user"))


def get_session(group: str) -> session.Session:
    """The session of ``[group]``, which all threads share."""
    with _lock:
        return _load_session(group)


def service_plugin(group: str) -> plugin.BaseAuthPlugin:
    """The credentials of ``[group]``; noauth if it has only an ``endpoint_override``.

    Raises ConfigurationError when it has neither.
    """
    with _lock:
        return _load_plugin(group)


@functools.cache
def _load_session(group: str) -> session.Session:
    return _make_session(group)


def _make_session(group: str, **options: Any) -> _Session:
    """``options`` override those of ``[group]``."""
    loader = _SessionLoader()
    made = cast("_Session", loader.load_from_conf_options(CONF, group, **options))
    made.group = group
    return made


@functools.cache
def _load_plugin(group: str) -> plugin.BaseAuthPlugin:
    loaded = loading.load_auth_from_conf_options(CONF, group)
    if loaded is not None:
        return _logins.setdefault(loaded.get_cache_id() or group, loaded)
    endpoint = CONF[group].get("endpoint_override")
    if not endpoint:
        raise exception.ConfigurationError(
            f"Set auth_type and credentials, or endpoint_override, in the section [{group}]."
        )
    return noauth.NoAuth(endpoint)


def load() -> None:
    """Create the sessions and plugins, without connections and tokens. Forked workers share
    them."""
    reset()
    for group in _groups_with_login():
        get_session(group)
        service_plugin(group)


def log_in() -> None:
    """Fetch the service's own tokens and the endpoints, so that requests need not wait for them.

    No connection stays open, so the process may fork afterwards. If Keystone does not answer within
    two seconds, the first request that needs the token fetches it.
    """
    unanswered: set[plugin.BaseAuthPlugin] = set()
    for group in _groups_with_login():
        login = service_plugin(group)
        if login not in unanswered and not _log_in(group, login):
            unanswered.add(login)


def _log_in(group: str, login: plugin.BaseAuthPlugin) -> bool:
    temporary = _make_session(group, timeout=_LOGIN_TIMEOUT)
    try:
        login.get_token(temporary)
        if GROUPS[group]:
            _adapter(temporary, login, group).get_endpoint()
    except exceptions.ClientException as exc:
        LOG.info("[%s]: could not log in to Keystone yet: %s", group, exc)
        return False
    finally:
        temporary.session.close()
    return True


def _groups_with_login() -> list[str]:
    return [name for name in GROUPS if CONF[name].auth_type or CONF[name].auth_section]


def reset() -> None:
    """Discard sessions and tokens, after a change of the configuration."""
    with _lock:
        _load_session.cache_clear()
        _load_plugin.cache_clear()
        _logins.clear()


class _Session(session.Session):
    """Records each request, with its times, in the history of the server that it is made for."""

    group: str

    def request(self, url: str, method: str, *args: Any, **kwargs: Any) -> requests.Response:
        with waiting(f"request to {self.group}: {method} {urlsplit(url).path}"):
            return super().request(url, method, *args, **kwargs)


class _SessionLoader(loading.session.Session):
    plugin_class = _Session


class _UserToken(plugin.BaseAuthPlugin):
    """The token of a user's request. It cannot be renewed."""

    def __init__(self, token: str, service: plugin.BaseAuthPlugin):
        super().__init__()
        self._token = token
        self._service = service

    def get_token(self, session: session.Session) -> str:
        return self._token

    def get_endpoint(self, session: session.Session, **kwargs: Any) -> str | None:
        return self._service.get_endpoint(session, **kwargs)
