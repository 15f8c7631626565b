"""A row of the route table at work: a controller's methods, called as they declare."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import webob

from nova_mini import exception
from nova_mini.api import validation
from nova_mini.api.openstack import api_version as versions
from nova_mini.api.openstack import serialization, wsgi
from nova_mini.api.openstack.request import Request


@dataclass(slots=True)
class _Implementation:
    first: versions.APIVersion
    last: versions.APIVersion
    call: Callable
    code: int
    body_schemas: validation.Schemas | None
    query_schemas: validation.Schemas | None

    @classmethod
    def of(cls, controller: wsgi.Controller, first, last, function: Callable) -> _Implementation:
        return cls(
            first,
            last,
            function.__get__(controller),
            getattr(function, "response_code", 200),
            validation.body_schemas_of(function),
            validation.query_schemas_of(function),
        )


class Operation:
    """One method of a controller, in all its versions."""

    takes_body = property(lambda self: any(i.body_schemas for i in self.implementations))

    def __init__(self, controller: wsgi.Controller, name: str):
        declared = getattr(type(controller), name)
        self.name = f"{type(controller).__name__}.{name}"
        ranges = (
            declared.implementations
            if isinstance(declared, wsgi.VersionedMethod)
            else [(versions.MIN_VERSION, versions.MAX_VERSION, declared)]
        )
        self.implementations = [_Implementation.of(controller, *each) for each in ranges]

    def __call__(self, req: Request, path_args: dict[str, str], body: Any = None) -> webob.Response:
        """Validate, call, answer. ``body``: where it had to be parsed already."""
        method = self._select(req.api_version)
        if method.query_schemas is not None:
            method.query_schemas.validate_query(req.query, req.api_version)
        if method.body_schemas is None:
            result = method.call(req, **path_args)
        else:
            body = req.json_body() if body is None else body
            method.body_schemas.validate(body, req.api_version)
            result = method.call(req, **path_args, body=body)
        return _answer(result, method.code)

    def _select(self, version: versions.APIVersion) -> _Implementation:
        for method in self.implementations:
            if method.first <= version <= method.last:
                return method
        raise exception.NotFound(f"This does not exist in API version {version}.")


class ActionOperation:
    """POST to ``.../action``: the one key of the body names what is done."""

    def __init__(self, controllers: Iterable[wsgi.Controller]):
        self.operations = {
            action: Operation(controller, name)
            for controller in controllers
            for name, action in _actions_of(type(controller))
        }

    def __call__(self, req: Request, path_args: dict[str, str]) -> webob.Response:
        body = req.json_body()
        if not isinstance(body, dict) or len(body) != 1:
            raise exception.ValidationError(
                detail='The body must be an object with one key, the action: {"<action>": ...}.'
            )
        action = next(iter(body))
        operation = self.operations.get(action)
        if operation is None:
            raise exception.ValidationError(detail=f"There is no such action: {action[:64]}")
        return operation(req, path_args, body)


def _actions_of(controller: type) -> Iterable[tuple[str, str]]:
    for name, declared in vars(controller).items():
        functions = (
            [function for _first, _last, function in declared.implementations]
            if isinstance(declared, wsgi.VersionedMethod)
            else [declared]
        )
        action = getattr(functions[0], "action_name", None)
        if action:
            yield name, action


def _answer(result: Any, code: int) -> webob.Response:
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
