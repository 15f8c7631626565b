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
        def create_v253(self, req, body): ...

        @wsgi.action("polish")
        @wsgi.response(202)
        @validation.schema(schema.polish)
        def _polish(self, req, id, body): ...

The table ``compute/routes.py`` maps paths to these methods. A method gets the request
(``req.context``, ``req.api_version``, ``req.query``), the variables of its path, and ``body`` if it
declares a schema for a body. It returns a value that becomes JSON, None for an empty response, or a
ResponseObject. ``faults`` turns an exception into a response.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from types import FunctionType
from typing import Any, cast

from nova_mini.api.openstack import api_version as versions


class Controller:
    """Base class of all controllers."""

    def __init_subclass__(cls) -> None:
        """Record the class in each method, because the route table names the methods alone."""
        super().__init_subclass__()
        for method in vars(cls).values():
            if isinstance(method, (FunctionType, VersionedMethod)):
                cast("Any", method).controller = cls


@dataclass(slots=True)
class ResponseObject:
    """A response with a status or headers of its own. ``code`` None: the method's status."""

    body: Any = None
    code: int | None = None
    headers: dict[str, str] = field(default_factory=dict)


class VersionedMethod:
    """The implementations of one controller method, each for a range of microversions."""

    controller: type[Controller]

    def __init__(self) -> None:
        # (first microversion, last microversion, function)
        self.implementations: list[
            tuple[versions.APIVersion, versions.APIVersion, FunctionType]
        ] = []

    @property
    def action_name(self) -> str:
        """The action that the method serves. Raises AttributeError if it serves none."""
        return cast("Any", self.implementations[0][2]).action_name

    def api_version(self, minimum: str, maximum: str | None = None) -> Callable:
        first = versions.parse(minimum)
        last = versions.parse(maximum) if maximum else versions.MAX_VERSION

        def add(function: FunctionType) -> VersionedMethod:
            self.implementations.append((first, last, function))
            return self

        return add


def api_version(minimum: str, maximum: str | None = None) -> Callable:
    """Decorator: the method exists from ``minimum`` to ``maximum`` (None: to the latest). Requests
    with another microversion get 404.

    It must be the outermost decorator. Another implementation of the same method is decorated with
    ``@<method name>.api_version(...)``, and has a name of its own.
    """
    return VersionedMethod().api_version(minimum, maximum)


def response(code: int) -> Callable:
    """Decorator: the status of a successful response, if it is not 200."""

    def declare(function: Any) -> Any:
        function.response_code = code
        return function

    return declare


def action(name: str) -> Callable:
    """Decorator: the method serves the action ``name``, the only key in the body of a POST to
    ``.../action``."""

    def declare(function: Any) -> Any:
        function.action_name = name
        return function

    return declare
