"""Calls the controller methods of the route table: version, validation, response."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import FunctionType, MappingProxyType
from typing import Any

import webob

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.middleware.legacy_v2 import LEGACY_KEY
from nova_mini.api.openstack import api_version as versions
from nova_mini.api.openstack import serialization, wsgi
from nova_mini.api.openstack.request import Request

# A controller's method, as the route table names it.
Method = FunctionType | wsgi.VersionedMethod


@dataclass(slots=True)
class _Implementation:
    first: versions.APIVersion
    last: versions.APIVersion
    call: Callable
    code: int
    body_schemas: validation.Schemas | None
    query_schemas: validation.Schemas | None

    @classmethod
    def of(
        cls,
        controller: wsgi.Controller,
        first: versions.APIVersion,
        last: versions.APIVersion,
        function: FunctionType,
    ) -> _Implementation:
        return cls(
            first,
            last,
            function.__get__(controller),
            getattr(function, "response_code", 200),
            validation.body_schemas_of(function),
            validation.query_schemas_of(function),
        )


class Operation:
    """One method of a controller, with its implementations for all microversions."""

    takes_body = property(lambda self: any(i.body_schemas for i in self.implementations))

    def __init__(self, controller: wsgi.Controller, method: Method):
        ranges = (
            method.implementations
            if isinstance(method, wsgi.VersionedMethod)
            else [(versions.MIN_VERSION, versions.MAX_VERSION, method)]
        )
        self.implementations = [_Implementation.of(controller, *each) for each in ranges]

    def __call__(self, req: Request, path_args: dict[str, str], body: Any = None) -> webob.Response:
        """Validate the request, call the implementation and return its response.

        ``body``: the parsed body, if the caller has parsed it already.
        """
        method = self._select(req.api_version)
        if method.query_schemas is not None:
            method.query_schemas.validate_query(req.query, req.api_version)
        elif req.method == "GET" and req.api_version >= versions.STRICT_QUERIES:
            validation.NO_QUERY.validate_query(req.query, req.api_version)
        if method.body_schemas is None:
            result = method.call(req, **path_args)
        else:
            body = req.json_body() if body is None else body
            relaxed = LEGACY_KEY in req.environ
            method.body_schemas.validate(body, req.api_version, relaxed=relaxed)
            result = method.call(req, **path_args, body=body)
        return _response(result, method.code)

    def _select(self, version: versions.APIVersion) -> _Implementation:
        for method in self.implementations:
            if method.first <= version <= method.last:
                return method
        raise exception.NotFound(f"API version {version} is not supported on this method.")


class ActionOperation:
    """POST to ``.../action``: the only key of the body names the action.

    ``removed``: {action that older releases had: the last microversion that had it}.
    """

    def __init__(
        self,
        controllers: Iterable[wsgi.Controller],
        removed: Mapping[str, tuple[int, int]] = MappingProxyType({}),
    ):
        self._removed = removed
        self.operations = {
            action: Operation(controller, method)
            for controller in controllers
            for action, method in _actions_of(type(controller))
        }

    def __call__(self, req: Request, path_args: dict[str, str]) -> webob.Response:
        body = req.json_body()
        if not isinstance(body, dict) or len(body) != 1:
            raise exception.ValidationError(
                detail='The body must be an object with one key, the action: {"ACTION": ...}.'
            )
        action = next(iter(body))
        operation = self.operations.get(action)
        if operation is None and req.api_version <= self._removed.get(action, (0, 0)):
            raise exception.Gone
        if operation is None:
            raise exception.ValidationError(detail=f"There is no such action: {action[:64]}")
        return operation(req, path_args, body)


def _actions_of(controller: type[wsgi.Controller]) -> Iterable[tuple[str, Method]]:
    for method in vars(controller).values():
        is_versioned = isinstance(method, wsgi.VersionedMethod)
        function = method.implementations[0][2] if is_versioned else method
        action = getattr(function, "action_name", None)
        if action:
            yield action, method


def _response(result: Any, code: int) -> webob.Response:
    if not isinstance(result, wsgi.ResponseObject):
        result = wsgi.ResponseObject(result)
    has_body = result.body is not None
    response = webob.Response(
        status=result.code or code,
        content_type="application/json" if has_body else None,
        charset=None,
        body=serialization.dumps(result.body) if has_body else b"",
    )
    response.headers.update(result.headers)
    return response
