"""`docs/reference/api.md`, from the route table, the controllers, their schemas and policies."""

from __future__ import annotations

import functools
import pathlib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from doclib import markdown
from doclib.api_notes import NOTES, TITLES
from doclib.source import Facts, check_of
from nova_mini import policies
from nova_mini.api.openstack import api_version
from nova_mini.api.openstack.compute.removed import REMOVED_ACTIONS, REMOVED_ROUTES
from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.compute.routes import ROUTE_LIST
from nova_mini.api.openstack.operation import ActionOperation, Operation
from nova_mini.states.state_checks import ALLOWED, ANY, Allowed

PATH = "docs/reference/api.md"
_TEMPLATE = pathlib.Path(__file__).with_name("api.md.in")
_LATEST = api_version.MAX_VERSION
# The status codes that the table of errors explains.
_GENERAL = {
    *("Conflict", "Forbidden", "InstanceNotFound", "Invalid", "InvalidInput", "NotFound"),
    *("PolicyNotAuthorized", "ValidationError"),
}
_PARAMETER = re.compile(r"\{[^}]*\}")


@dataclass
class Row:
    """One operation of the API, as shown on the page."""

    name: str  # "POST /servers/{id}", or the name of an action
    method: str
    path: str
    operation: Operation
    facts: Facts = field(init=False)

    def __post_init__(self):
        calls = [each.call for each in self.operation.implementations]
        self.facts = Facts(calls[0].__self__, calls[0], ALLOWED)
        for call in calls[1:]:
            more = Facts(call.__self__, call, ALLOWED)
            self.facts.rules += [each for each in more.rules if each not in self.facts.rules]
            self.facts.errors |= more.errors

    @property
    def is_action(self) -> bool:
        return self.path.endswith("/action")

    @property
    def rules(self) -> list[str]:
        """The policy rules in its code, and the rules that list this path."""
        guards = [] if self.is_action else _guards(self.method, self.path)
        return self.facts.rules + [each for each in guards if each not in self.facts.rules]

    @property
    def states(self) -> list[str]:
        """Keys of the table of states."""
        return sorted(self.facts.states)

    @property
    def successes(self) -> list[int]:
        return sorted({each.code for each in self.operation.implementations} | self.facts.codes)

    @property
    def errors(self) -> dict[int, list[str]]:
        """Status code -> names of errors; codes of every such operation have no names."""
        found: dict[int, list[str]] = {}
        for error in self.facts.errors:
            names = found.setdefault(error.code, [])
            if error.__name__ not in _GENERAL:
                names.append(error.__name__)
        if any(each.body_schemas or each.query_schemas for each in self.operation.implementations):
            found.setdefault(400, [])
        if self.rules:
            found.setdefault(403, [])
        if "{" in self.path:
            found.setdefault(404, [])
        if self.states:
            found.setdefault(409, [])
        return {code: sorted(found[code]) for code in sorted(found)}


def page() -> str:
    """Return the whole page."""
    parts = []
    for resource, rows in _by_resource(rows_of_all()).items():
        parts.append(f"## {TITLES[resource]}\n")
        for path in sorted({row.path for row in rows if row.is_action}):
            parts.append(f"An action is `POST {path}`: the one key of the body is its name.\n")
        parts.append(_operations(rows))
        if fields := _fields(rows):
            parts.append(fields)
        if note := NOTES.get(resource):
            parts.append(f"**Differs from Nova:** {note}\n")
    pieces = {
        "minimum": str(api_version.MIN_VERSION),
        "maximum": str(_LATEST),
        "states": _table_of_states(),
        "resources": "\n".join(parts),
        "removed": _removed(),
    }
    return re.sub(r"@(\w+)@", lambda found: pieces[found[1]], _TEMPLATE.read_text())


@functools.cache
def rows_of_all() -> list[Row]:
    """Every operation, in the order of the route table."""
    rows = []
    for (path, _), methods in zip(ROUTE_LIST, APIRouterV21().operations, strict=True):
        for method, operation in methods.items():
            if isinstance(operation, ActionOperation):
                for action, each in operation.operations.items():
                    rows.append(Row(f"`{action}`", method, path, each))
            else:
                rows.append(Row(f"{method} `{path}`", method, path, operation))
    return rows


def _removed() -> str:
    rows = [(f"`{path}`", ", ".join(methods)) for path, methods in REMOVED_ROUTES]
    for action, last in REMOVED_ACTIONS.items():
        rows.append((f"`{action}`, an action of servers", f"to {api_version.APIVersion(*last)}"))
    return markdown.table(("path", "methods"), rows)


def _by_resource(rows: Iterable[Row]) -> dict[str, list[Row]]:
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(_resource(row.path), []).append(row)
    return {name: found[name] for name in sorted(found, key=list(TITLES).index)}


def _resource(path: str) -> str:
    """The resource of a section: `servers`, `servers/metadata`, `os-services`."""
    names = [name for name in path.split("/") if name and not _PARAMETER.fullmatch(name)]
    is_below = len(names) > 1 and names[0] in ("servers", "flavors") and names[1] != "detail"
    if is_below and names[1] == "action":
        return f"{names[0]}/action"
    return "/".join(names[:2]) if is_below else names[0]


def _guards(method: str, path: str) -> list[str]:
    requested = (method, _PARAMETER.sub("{}", path))
    return [
        rule.name
        for rule in policies.list_rules()
        for each in getattr(rule, "operations", ())
        if (each["method"], _PARAMETER.sub("{}", each["path"])) == requested
    ]


# -- operations --------------------------------------------------------------------------------


def _operations(rows: list[Row]) -> str:
    has_states = any(row.states for row in rows)
    head = ["operation", "versions", "policy (default)", "states", "success", "errors"]
    cells = [
        [row.name, _versions(row), _policy(row), _states(row), _codes(row), _errors(row)]
        for row in rows
    ]
    if not has_states:
        head.pop(3)
        for each in cells:
            each.pop(3)
    return markdown.table(head, cells)


def _versions(row: Row) -> str:
    first = min(each.first for each in row.operation.implementations)
    last = max(each.last for each in row.operation.implementations)
    return _range(first, last) or "all"


def _range(first: tuple, last: tuple) -> str:
    if first == api_version.MIN_VERSION:
        return "" if last == _LATEST else f"to {last}"
    return f"{first}+" if last == _LATEST else f"{first} to {last}"


def _policy(row: Row) -> str:
    texts = [f"`{_short(rule)}` ({check_of(rule)})" for rule in row.rules]
    return "<br>".join(texts) or "everyone with a token"


def _short(rule: str) -> str:
    return rule.removeprefix("os_compute_api:")


def _states(row: Row) -> str:
    return ", ".join(f"[{key}](#states)" for key in row.states)


def _codes(row: Row) -> str:
    return ", ".join(str(code) for code in row.successes)


def _errors(row: Row) -> str:
    return "<br>".join(
        f"{code}: {', '.join(names)}" if names else str(code) for code, names in row.errors.items()
    )


# -- states ------------------------------------------------------------------------------------


def _table_of_states() -> str:
    rows = (
        (f"`{name}`", _some(each.vm_states), _some(each.task_states), _conditions(each))
        for name, each in ALLOWED.items()
    )
    return markdown.table(("operation", "vm_state", "task_state", "and"), rows)


def _some(states: tuple[str | None, ...] | None) -> str:
    if states is ANY:
        return "any"
    return ", ".join("none" if each is None else f"`{each}`" for each in states)


def _conditions(allowed: Allowed) -> str:
    found = [
        "was active once" if allowed.launched else "",
        "is on a host" if allowed.on_host else "",
        "is not locked" if allowed.respects_lock else "",
    ]
    return ", ".join(filter(None, found))


# -- fields ------------------------------------------------------------------------------------


def _fields(rows: list[Row]) -> str:
    lines = []
    for row in rows:
        for kind in ("body", "query"):
            schemas = [getattr(each, f"{kind}_schemas") for each in row.operation.implementations]
            versions = [one for each in schemas if each for one in each.ranges]
            if fields := _field_versions(versions, kind, row.name.strip("`")):
                lines.append((row.name, kind, fields))
    if not lines:
        return ""
    return markdown.table(("operation", "", "fields (since, until)"), lines)


def _field_versions(ranges: list[tuple], kind: str, action: str) -> str:
    """``name (2.19+)`` for each field. ``ranges``: [(first, last, validator)]."""
    spans: dict[str, list] = {}
    for first, last, validator in sorted(ranges, key=lambda each: each[0]):
        for name in _properties(validator.schema, kind, action):
            span = spans.setdefault(name, [first, last])
            span[1] = last
    begin = min((each[0] for each in ranges), default=api_version.MIN_VERSION)
    texts = []
    for name, (first, last) in spans.items():
        since = _range(api_version.MIN_VERSION if first == begin else first, last)
        texts.append(f"`{name}` ({since})" if since else f"`{name}`")
    return ", ".join(texts)


def _properties(schema: Mapping, kind: str, action: str) -> list[str]:
    """The parameters of a query, or the properties below the main key of a body."""
    properties = schema.get("properties", {})
    if kind == "query":
        return list(properties)
    if action in properties:
        properties = {action: properties[action]}
    names = []
    for name, value in properties.items():
        is_main = len(properties) == 1 or name in schema.get("required", ())
        inner = value.get("properties") if isinstance(value, Mapping) else None
        names += list(inner) if is_main and inner else [name]
    return names
