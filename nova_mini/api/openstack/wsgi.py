"""How a controller is written.

A resource is a class in ``api/openstack/compute/<resource>.py``::

    class WidgetsController(wsgi.Controller):
        @validation.query_schema(schema.index)
        def index(self, req): ...

        @wsgi.api_version("2.1", "2.52")
        @wsgi.response(201)
        @validation.schema(schema.create)
        def create(self, req, body): ...

        @create.api_version("2.53")
        @wsgi.response(201)
        @validation.schema(schema.create_v253)
        def create(self, req, body): ...

        @wsgi.action("polish")
        @wsgi.response(202)
        @validation.schema(schema.polish)
        def _polish(self, req, id, body): ...

A method gets the request (``req.context``, ``req.api_version``, ``req.query``), what its path
names, and ``body`` when it declares a schema for one. It returns what becomes JSON, None for an
empty answer, or a ResponseObject; every error it raises is answered by ``faults``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from nova_mini.api.openstack import api_version as versions


class Controller:
    """Base of every resource: what the router looks for in a module."""


@dataclass(slots=True)
class ResponseObject:
    """An answer that says more than its body. ``code`` None: the one that the method declares."""

    body: Any = None
    code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class VersionedMethod:
    """The implementations of one controller method, each for a range of microversions."""

    def __init__(self):
        self.implementations: list[tuple] = []

    def api_version(self, minimum: str, maximum: str | None = None) -> Callable:
        first = versions.parse(minimum)
        last = versions.parse(maximum) if maximum else versions.MAX_VERSION

        def add(function: Callable) -> VersionedMethod:
            self.implementations.append((first, last, function))
            return self

        return add


def api_version(minimum: str, maximum: str | None = None) -> Callable:
    """The method exists from ``minimum`` to ``maximum`` (or for good); others: 404.

    The outermost decorator. A further implementation says ``@<method name>.api_version(...)``.
    """
    return VersionedMethod().api_version(minimum, maximum)


def response(code: int) -> Callable:
    """The status of a success, where it is not 200."""

    def declare(function: Callable) -> Callable:
        function.response_code = code
        return function

    return declare


def action(name: str) -> Callable:
    """The method does the action ``name``: the one key of the body of a POST to ``.../action``."""

    def declare(function: Callable) -> Callable:
        function.action_name = name
        return function

    return declare
