"""The WSGI application: finds who does what a request asks, and answers in all cases."""

from __future__ import annotations

import functools
import importlib
import re
from collections.abc import Callable

import routes
import webob

from nova_mini import exception
from nova_mini.api.openstack import api_version, faults, wsgi
from nova_mini.api.openstack.compute.routes import ROUTE_LIST
from nova_mini.api.openstack.operation import ActionOperation, Operation
from nova_mini.api.openstack.request import Request

_PACKAGE = __name__.rpartition(".")[0]
_PROJECT_ID = re.compile(r"[0-9a-f-]+")


class APIRouterV21:
    """``/v2.1``, with or without the project's id in the path as older clients have it."""

    def __init__(self):
        self._mapper = routes.Mapper(explicit=True, register=False)
        self._mapper.minimization = False
        self.operations: list[dict[str, Callable]] = []
        for path, methods in ROUTE_LIST:
            self._mapper.connect(None, path, row=str(len(self.operations)))
            self.operations.append(
                {method: _operation(target) for method, target in methods.items()}
            )
        self._mapper.create_regs([])

    @classmethod
    def factory(cls, global_config: dict, **local_config) -> APIRouterV21:
        """For Paste: ``[app:osapi_compute_app_v21]``."""
        return cls()

    def __call__(self, environ, start_response):
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, req: Request) -> webob.Response:
        version = api_version.DEFAULT_VERSION
        try:
            version = req.api_version = api_version.negotiate(req.headers)
            response = self._dispatch(req)
        except Exception as exc:
            response = faults.from_exception(exc)
        response.headers.update(api_version.headers_for(version))
        return response

    def _dispatch(self, req: Request) -> webob.Response:
        found = self._mapper.match(_resource_path(req))
        if not found:
            raise exception.NotFound
        methods = self.operations[int(found.pop("row"))]
        operation = methods.get(req.method)
        if operation is None:
            raise webob.exc.HTTPMethodNotAllowed(
                f"This can be asked with {', '.join(methods)}, not with {req.method[:16]}.",
                headers={"Allow": ", ".join(methods)},
            )
        return operation(req, found)


def _operation(target: str | tuple[str, ...]) -> Callable:
    """``"controller:method"``, or the controllers whose actions are meant."""
    if isinstance(target, str):
        controller, _, method = target.partition(":")
        return Operation(_controller(controller), method)
    return ActionOperation(_controller(name) for name in target)


@functools.cache
def _controller(name: str) -> wsgi.Controller:
    """The one Controller that the module of that name defines."""
    module = importlib.import_module(f"{_PACKAGE}.{name}")
    (found,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type)
        and issubclass(value, wsgi.Controller)
        and value.__module__ == module.__name__
    )
    return found()


def _resource_path(req: Request) -> str:
    """The path below the version; a leading project id moves to where links are made from.

    Raises InvalidInput for a project that is not the context's, and for what is not UTF-8.
    """
    try:
        path = req.path_info
    except UnicodeDecodeError:
        path = "\0"
    if "\0" in path:
        raise exception.InvalidInput(reason="the URL must be UTF-8 without NUL")
    first = path[1:].partition("/")[0]
    if first != req.context.project_id and not _PROJECT_ID.fullmatch(first):
        return path
    if first != req.context.project_id:
        raise exception.InvalidInput(
            reason=f"the URL's project '{first[:64]}' is not the token's "
            f"'{req.context.project_id}'"
        )
    req.path_info_pop()
    return req.path_info
