"""Who asks: the request's context, from what Keystone's middleware found, or without Keystone."""

from __future__ import annotations

import abc

import webob

from nova_mini import policy
from nova_mini.api.openstack import faults
from nova_mini.api.openstack.request import CONTEXT_KEY, Request
from nova_mini.conf import CONF
from nova_mini.context import RequestContext

_NO_TOKEN = "Authenticate: send a valid token in the header X-Auth-Token."
_NO_PROJECT = "Use a token that is scoped to a project."


class _AuthFilter(abc.ABC):
    def __init__(self, application):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config):
        return cls

    def __call__(self, environ, start_response):
        context = self.context_of(Request(environ))
        if isinstance(context, webob.Response):
            return context(environ, start_response)
        environ[CONTEXT_KEY] = context
        return self._application(environ, start_response)

    @abc.abstractmethod
    def context_of(self, req: Request) -> RequestContext | webob.Response:
        """The context of a request, or the answer to one that has none."""


class KeystoneContext(_AuthFilter):
    """Behind keystonemiddleware's ``authtoken``, which has verified what the headers say."""

    def context_of(self, req: Request) -> RequestContext | webob.Response:
        context = RequestContext.from_environ(req.environ, remote_address=_address(req))
        if context.user_id is None:
            return faults.make(401, _NO_TOKEN)
        if context.project_id is None:
            return faults.make(403, _NO_PROJECT)
        context.is_admin = policy.check_is_admin(context)
        return context


class NoAuthMiddleware(_AuthFilter):
    """``auth_strategy = noauth2``, for tests: the token is ``user:project`` and always right.

    The user ``admin`` is an administrator, every other a member.
    """

    def context_of(self, req: Request) -> RequestContext | webob.Response:
        token = req.headers.get("X-Auth-Token", "")
        user_id, _, project_id = token.partition(":")
        if not user_id or not token.isprintable() or len(token) > 255:
            return faults.make(401, _NO_TOKEN)
        is_admin = user_id == "admin"
        return RequestContext(
            user_id=user_id,
            project_id=project_id or user_id,
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


def pipeline_factory(loader, global_config: dict, **local_config):
    """For Paste: builds the pipeline that is named like ``[api] auth_strategy``."""
    *filters, application = local_config[CONF.api.auth_strategy].split()
    application = loader.get_app(application)
    for name in reversed(filters):
        application = loader.get_filter(name)(application)
    return application
