"""The WSGI application of the Compute API: finds the operation of a request and calls it."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, cast

import routes
import webob

from nova_mini import exception
from nova_mini.api.openstack import api_version, faults, proxies, wsgi
from nova_mini.api.openstack.compute.removed import REMOVED_ACTIONS, REMOVED_ROUTES
from nova_mini.api.openstack.compute.routes import ROUTE_LIST
from nova_mini.api.openstack.compute.server_actions import ServerActionsController
from nova_mini.api.openstack.operation import ActionOperation, Method, Operation
from nova_mini.api.openstack.proxies import volumes_boot
from nova_mini.api.openstack.request import Request
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_PROJECT_ID = re.compile(r"[0-9a-f-]+")


class APIRouterV21:
    """Serves ``/v2.1``. Paths may begin with a project id, as those of older clients do."""

    def __init__(self) -> None:
        self._mapper = _mapper(path for path, _ in ROUTE_LIST)
        self._removed = _mapper(path for path, _ in REMOVED_ROUTES)
        self.operations: list[dict[str, Callable]] = [
            {method: _operation(served_by) for method, served_by in _served(methods)}
            for _, methods in ROUTE_LIST
        ]

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> APIRouterV21:
        """Called by Paste for ``[app:osapi_compute_app_v21]``."""
        return cls()

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return self.respond(Request(environ))(environ, start_response)

    def respond(self, req: Request) -> webob.Response:
        """The response to a request, also after an error."""
        version = api_version.DEFAULT_VERSION
        try:
            version = req.api_version = api_version.negotiate(req.headers)
            response = self._dispatch(req)
        except Exception as exc:
            response = faults.from_exception(exc)
        response.headers.update(api_version.headers_for(version))
        return response

    def _dispatch(self, req: Request) -> webob.Response:
        path = _resource_path(req)
        if CONF.api.enable_proxies:
            path = volumes_boot.served_path(path, req.api_version)
        found = self._mapper.match(path)
        if not found:
            self._check_removed(req, path)
            raise exception.NotFound
        methods = self.operations[int(found.pop("row"))]
        operation = methods.get(req.method)
        if operation is None:
            self._check_removed(req, path)
            if not methods:
                raise exception.NotFound
            raise webob.exc.HTTPMethodNotAllowed(
                f"Method {req.method[:16]} is not allowed here; use {', '.join(methods)}.",
                headers={"Allow": ", ".join(methods)},
            )
        return operation(req, found)

    def _check_removed(self, req: Request, path: str) -> None:
        """Raises Gone (410) for a route that older releases of the API had."""
        found = self._removed.match(path)
        if found and req.method in REMOVED_ROUTES[int(found["row"])][1]:
            raise exception.Gone


def _mapper(paths: Iterable[str]) -> routes.Mapper:
    """A mapper that finds the number (``row``) of the path that matches a request."""
    mapper = routes.Mapper(explicit=True, register=False)
    mapper.minimization = False
    for row, path in enumerate(paths):
        mapper.connect(None, path, row=str(row))
    mapper.create_regs([])
    return mapper


def _served(methods: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(HTTP method, entry of the route table) without the proxies, if they are switched off."""
    for method, served_by in methods.items():
        if isinstance(served_by, tuple):
            yield method, tuple(each for each in served_by if _is_served(each))
        elif _is_served(cast("Any", served_by).controller):
            yield method, served_by


def _is_served(controller: type[wsgi.Controller]) -> bool:
    return CONF.api.enable_proxies or not controller.__module__.startswith(proxies.__name__)


def _operation(
    served_by: Method | tuple[type[wsgi.Controller], ...],
) -> Operation | ActionOperation:
    """``served_by``: an entry of the route table."""
    if not isinstance(served_by, tuple):
        return Operation(_instance_of(cast("Any", served_by).controller), served_by)
    removed = REMOVED_ACTIONS if ServerActionsController in served_by else {}
    return ActionOperation([_instance_of(cast("Any", each)) for each in served_by], removed)


@functools.cache
def _instance_of(controller: type[wsgi.Controller]) -> wsgi.Controller:
    return controller()


def _resource_path(req: Request) -> str:
    """The path below the version, without the project id that it may begin with.

    The project id moves to SCRIPT_NAME, so that links in the response contain it. Raises
    InvalidInput if it is not the context's project, or if the path is not UTF-8.
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
            reason=f"the URL's project '{first[:64]}' is not the token's '{req.context.project_id}'"
        )
    req.path_info_pop()
    return req.path_info
