"""Writes what the released Nova declares about its API into a file, as JSON.

Run by the Python of a virtual environment that has Nova, which nova_mini never imports:
``PYTHON tests/conformance/reference.py FILE``. Each row is a method of a route, or an
action: its schemas and documented error codes, with the first and the last microversion of each
(None: no limit).
"""

from __future__ import annotations

import json
import pathlib
import sys
from collections.abc import Callable, Iterator
from typing import Any

from nova import version
from nova.api.openstack import api_version_request
from nova.api.openstack.compute import routes
from nova.notifications.objects import (
    aggregate,
    base,
    compute_task,
    exception,
    flavor,
    image,
    instance,
    keypair,
    libvirt,
    metrics,
    request_spec,
    scheduler,
    server_group,
    service,
    volume,
)

NOTIFICATIONS = (
    aggregate,
    base,
    compute_task,
    exception,
    flavor,
    image,
    instance,
    keypair,
    libvirt,
    metrics,
    request_spec,
    scheduler,
    server_group,
    service,
    volume,
)
KINDS = {
    "requests": "request_body_schemas",
    "queries": "request_query_schemas",
    "responses": "response_body_schemas",
}


def main() -> None:
    rows = [row for path, methods in routes.ROUTE_LIST for row in _of_path(path, methods)]
    document = {
        "release": version.version_info.version_string(),
        "max_version": api_version_request.max_api_version().get_string(),
        "rows": rows,
        "notifications": _notifications(),
    }
    pathlib.Path(sys.argv[1]).write_text(json.dumps(document, indent=1, sort_keys=True))


def _notifications() -> dict[str, Any]:
    """``events``: event type -> the class of its payload; ``classes``: class -> its version and
    fields."""
    classes = {
        name: each
        for module in NOTIFICATIONS
        for name, each in vars(module).items()
        if isinstance(each, type) and issubclass(each, base.NotificationObject)
    }
    events = {
        sample.removesuffix(".json").replace("-", "."): each.fields["payload"].objname
        for each in classes.values()
        for sample in getattr(each, "samples", ())
    }
    return {"events": events, "classes": {name: _class(each) for name, each in classes.items()}}


def _class(declared: type) -> dict[str, Any]:
    fields = {name: _field(each) for name, each in declared.fields.items()}
    return {"version": declared.VERSION, "fields": fields}


def _field(field: Any) -> dict[str, Any]:
    kind = field._type
    item = getattr(kind, "_element_type", None)
    return {
        "kind": type(kind).__name__,
        "nullable": field.nullable,
        "values": list(getattr(kind, "_valid_values", None) or ()),
        "object": getattr(kind, "_obj_name", None),
        "item": _field(item) if item is not None else None,
    }


def _of_path(path: str, methods: Any) -> Iterator[dict]:
    if isinstance(methods, str):  # a redirection
        return
    for method, (make_controller, name) in methods.items():
        main_class, others = make_controller.args
        if name != "action":
            yield {"path": path, "method": method, **_row(getattr(main_class, name))}
            continue
        for controller in (main_class, *others):
            for action, attribute in controller.wsgi_actions.items():
                row = _row(getattr(controller, attribute))
                yield {"path": path, "method": method, "action": action, **row}


def _row(function: Callable) -> dict[str, Any]:
    return {
        "min_version": getattr(function, "min_version", None),
        "max_version": getattr(function, "max_version", None),
        "is_removed": getattr(function, "removed", False),
        "errors": list(_errors(function)),
        **{name: _schemas(function, attribute) for name, attribute in KINDS.items()},
    }


def _schemas(function: Callable, attribute: str) -> list[list]:
    found = getattr(function, attribute, None)
    rows = found._schemas if found else []
    return [[schema, _text(first), _text(last)] for schema, first, last in rows]


def _text(version: Any) -> str | None:
    return None if version.is_null() else version.get_string()


def _errors(function: Callable) -> Iterator[list]:
    """The arguments of the decorators that declare error codes."""
    while function is not None:
        cells = function.__closure__ or ()
        known = dict(zip(function.__code__.co_freevars, cells, strict=True))
        if "errors" in known:
            codes = known["errors"].cell_contents
            limits = (known[name].cell_contents for name in ("min_version", "max_version"))
            yield [[codes] if isinstance(codes, int) else list(codes), *limits]
        function = getattr(function, "__wrapped__", None)


if __name__ == "__main__":
    main()
