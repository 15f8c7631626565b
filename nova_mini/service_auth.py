"""How we speak to another OpenStack service: for the user who asked, or as ourselves.

Sessions, and with them connections and our own tokens, are shared by all threads of a process.
A user's token says who asks; where the service is, is looked up with our own credentials (or
said by ``endpoint_override``), so that no catalog has to travel with every message.
"""

from __future__ import annotations

import functools
import logging
import threading
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from keystoneauth1 import adapter, exceptions, loading, noauth, plugin, service_token, session

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.conf._service import GROUPS, register_service_opts
from nova_mini.trace import waiting

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

register_service_opts(CONF)

_LOGIN_SECONDS = 2  # that one waits for an answer who logs in before anybody asks for it

_lock = threading.Lock()
# By who logs in: groups with the same credentials share a token, for Keystone takes a quarter of a
# second to check a password.
_logins: dict[str, plugin.BaseAuthPlugin] = {}


def is_configured(group: str) -> bool:
    """Whether the deployment has that neighbour at all."""
    return bool(CONF[group].auth_type or CONF[group].auth_section or CONF[group].endpoint_override)


def get_adapter(
    context: RequestContext, group: str, *, as_service: bool = False
) -> adapter.Adapter:
    """A client of the service of ``[group]``, for the context's user or ``as_service``.

    Work that no user asked for (its context has no token) is done as the service.
    Raises ConfigurationError when the group says neither who we are nor where the service is.
    """
    auth = service_plugin(group) if as_service else user_plugin(context, group)
    return _adapter(get_session(group), auth, group, global_request_id=context.global_id)


def _adapter(session, auth: plugin.BaseAuthPlugin, group: str, **more) -> adapter.Adapter:
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
    """The user's token, vouched for by ours where ``[service_user]`` says so.

    With noauth2 a user's token means nothing to anybody else, so we ask as ourselves.
    """
    service = service_plugin(group)
    if not context.auth_token or CONF.api.auth_strategy == "noauth2":
        return service
    user = _UserToken(context.auth_token, service)
    if not CONF.service_user.send_service_user_token:
        return user
    return service_token.ServiceTokenAuthWrapper(user, service_plugin("service_user"))


def vouched_plugin(
    context: RequestContext, group: str, *, as_service: bool = False
) -> plugin.BaseAuthPlugin:
    """As :func:`user_plugin`, with our service token even where we ask for ourselves: Cinder lets
    only services take away what a server uses."""
    own = as_service or not context.auth_token or CONF.api.auth_strategy == "noauth2"
    if not own:
        return user_plugin(context, group)
    service = service_plugin(group)
    if not CONF.service_user.send_service_user_token:
        return service
    return service_token.ServiceTokenAuthWrapper(service, service_plugin("service_user"))


def get_session(group: str) -> session.Session:
    with _lock:
        return _load_session(group)


def service_plugin(group: str) -> plugin.BaseAuthPlugin:
    """Our own credentials of ``[group]``; none at all beside an ``endpoint_override`` is noauth."""
    with _lock:
        return _load_plugin(group)


@functools.cache
def _load_session(group: str) -> session.Session:
    return _make_session(group)


def _make_session(group: str, **options) -> _Session:
    """``options`` instead of those of ``[group]``."""
    made = _SessionLoader().load_from_conf_options(CONF, group, **options)
    made.neighbour = group
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
    """Make everything but connections and tokens: workers that are forked then share it."""
    reset()
    for group in _groups_with_login():
        get_session(group)
        service_plugin(group)


def log_in() -> None:
    """Fetch our tokens and the neighbours' addresses before a request has to wait for them.

    For a process that has just started, or that is about to fork: no connection stays. Who does not
    answer at once is asked again by the first request that needs it.
    """
    silent: set[plugin.BaseAuthPlugin] = set()
    for group in _groups_with_login():
        login = service_plugin(group)
        if login not in silent and not _log_in(group, login):
            silent.add(login)


def _log_in(group: str, login: plugin.BaseAuthPlugin) -> bool:
    once = _make_session(group, timeout=_LOGIN_SECONDS)
    try:
        login.get_token(once)
        if GROUPS[group]:
            _adapter(once, login, group).get_endpoint()
    except exceptions.ClientException as exc:
        LOG.info("Cannot log in for [%s] yet: %s", group, exc)
        return False
    finally:
        once.session.close()
    return True


def _groups_with_login() -> list[str]:
    return [name for name in GROUPS if CONF[name].auth_type or CONF[name].auth_section]


def reset() -> None:
    """Forget sessions and tokens: after a change of configuration."""
    with _lock:
        _load_session.cache_clear()
        _load_plugin.cache_clear()
        _logins.clear()


class _Session(session.Session):
    """Each request is in the history of the server that it is made for, with its time."""

    neighbour: str

    def request(self, url: str, method: str, **kwargs):
        with waiting(f"request to {self.neighbour}: {method} {urlsplit(url).path}"):
            return super().request(url, method, **kwargs)


class _SessionLoader(loading.session.Session):
    plugin_class = _Session


class _UserToken(plugin.BaseAuthPlugin):
    """A token that we were handed; it can be used, not renewed."""

    def __init__(self, token: str, service: plugin.BaseAuthPlugin):
        super().__init__()
        self._token = token
        self._service = service

    def get_token(self, session: session.Session) -> str:
        return self._token

    def get_endpoint(self, session: session.Session, **kwargs) -> str | None:
        return self._service.get_endpoint(session, **kwargs)
