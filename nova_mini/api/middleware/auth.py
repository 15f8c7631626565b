"""Authentication with or without Keystone: makes the RequestContext of a request."""

from __future__ import annotations

import abc
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

import webob

from nova_mini import policy
from nova_mini.api.openstack import faults
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from nova_mini.conf import CONF
from nova_mini.context import RequestContext

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

_NO_TOKEN = "Authentication required: send a valid token in the X-Auth-Token header."
_NO_PROJECT = "The token must be scoped to a project."


class _AuthFilter(abc.ABC):
    def __init__(self, application: WSGIApplication):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> type[_AuthFilter]:
        return cls

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        context = self.context_of(Request(environ))
        if isinstance(context, webob.Response):
            return context(environ, start_response)
        environ[CONTEXT_KEY] = context
        return self._application(environ, start_response)

    @abc.abstractmethod
    def context_of(self, req: Request) -> RequestContext | webob.Response:
        """The context of a request, or the response (401, 403) if it is not authenticated."""


class KeystoneContext(_AuthFilter):
    """``auth_strategy = keystone``. The filter before this one, keystonemiddleware's ``authtoken``,
    verifies the token and sets the headers that are read here."""

    def context_of(self, req: Request) -> RequestContext | webob.Response:
        context = RequestContext.from_environ(req.environ, remote_address=_address(req))
        if context.user_id is None:
            return faults.make(401, _NO_TOKEN)
        if context.project_id is None:
            return faults.make(403, _NO_PROJECT)
        context.is_admin = policy.check_is_admin(context)
        return context


class NoAuthMiddleware(_AuthFilter):
    """``auth_strategy = noauth2``, for tests: the token is ``user:project`` and is not verified.

    The user ``admin`` is an administrator, every other user is a member.
    """

    def context_of(self, req: Request) -> RequestContext | webob.Response:
        token = req.headers.get("X-Auth-Token", "")
        user_id, _, project_id = token.partition(":")
        if not user_id or not token.isprintable() or len(token) > 255:
            return faults.make(401, _NO_TOKEN)
        is_admin = user_id == "admin"
        project_id = project_id or user_id
        return RequestContext(
            user_id=user_id,
            user_name=user_id,
            project_id=project_id,
            project_name=project_id,
            auth_token=token,
            is_admin=is_admin,
            roles=["admin", "member", "reader"] if is_admin else ["member", "reader"],
            remote_address=_address(req),
            request_id=req.environ.get("openstack.request_id"),
            global_request_id=req.environ.get("openstack.global_request_id"),
        )


def _address(req: Request) -> str | None:
    if CONF.api.use_forwarded_for:
        return req.headers.get("X-Forwarded-For", req.remote_addr)
    return req.remote_addr


def pipeline_factory(loader: Any, global_config: dict, **local_config: str) -> Callable:
    """Called by Paste: builds the pipeline that has the name of ``[api] auth_strategy``."""
    *filters, application = local_config[CONF.api.auth_strategy].split()
    application = loader.get_app(application)
    for name in reversed(filters):
        application = loader.get_filter(name)(application)
    return application
