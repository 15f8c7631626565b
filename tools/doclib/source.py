"""Facts from the source of a controller's method: policy rules, errors, status codes, states.

The source of the method is parsed, and that of the functions that it calls in the API's modules
and in the class of ``self.compute_api``. No code is run.
"""

from __future__ import annotations

import ast
import functools
import inspect
import re
import textwrap
from collections.abc import Callable, Collection, Iterator
from types import FunctionType, ModuleType
from typing import Any

from nova_mini import exception, policies

_CONTROLLERS = "nova_mini.api.openstack.compute"
_RAISES = re.compile(r"Raises\b(.*?)(?:\.\s|\.$|\Z)", re.DOTALL)
_NAMES = re.compile(r"\b[A-Z][A-Za-z0-9]+\b")


class Facts:
    """The facts about one method of a controller. ``states``: the ``known_states`` that are named
    by the methods of the compute API that it calls, or by the method itself if its module checks
    states."""

    def __init__(self, controller: object, method: Callable, known_states: Collection[str]):
        self.rules: list[str] = []
        self.errors: set[type[exception.NovaException]] = set()
        self.codes: set[int] = set()
        self.states: set[str] = set()
        self._controller = controller
        self._known_states = known_states
        seen: set[object] = set()
        todo = [inspect.unwrap(method)]
        while todo:  # breadth first: the first rule is that of the operation
            function = getattr(todo[0], "__func__", todo[0])
            todo = todo[1:]
            if function not in seen:
                seen.add(function)
                todo += self._read(function)

    def _read(self, function: Any) -> list[Any]:
        """Read a function or the class of a view. Return the functions that it calls."""
        names = _names_of(function)
        called = []
        self._read_errors(function)
        if "state_checks" in names:
            self.states |= _named(function) & set(self._known_states)
        for node in ast.walk(_tree(function)):
            if isinstance(node, ast.Attribute):
                called.append(self._read_attribute(node, names))
            elif isinstance(node, ast.Name):
                called.append(names.get(node.id))
            elif isinstance(node, ast.Call) and _called(node) == "ResponseObject":
                self.codes |= set(_numbers(node))
        return [inspect.unwrap(each) for each in called if _is_followed(each)]

    def _read_attribute(self, node: ast.Attribute, names: dict[str, Any]) -> Any:
        """Return the object that an attribute names, if it may be a function to read."""
        owner = names.get(node.value.id) if isinstance(node.value, ast.Name) else None
        found = getattr(owner, node.attr, None) if isinstance(owner, ModuleType) else None
        if isinstance(found, str) and owner.__name__.startswith("nova_mini.policies"):
            if found not in self.rules:
                self.rules.append(found)
        elif isinstance(node.value, ast.Name) and node.value.id == "self":
            found = getattr(type(self._controller), node.attr, None)
        elif ast.unparse(node.value) == "self.compute_api":
            self._read_compute(node.attr)
        return found

    def _read_compute(self, name: str) -> None:
        """A method of the compute API, with its private helpers."""
        api = type(self._controller.compute_api)
        todo, seen = [name], set()
        while todo:
            method = inspect.unwrap(getattr(api, todo.pop(0), None) or _nothing)
            if method in seen or not isinstance(method, FunctionType):
                continue
            seen.add(method)
            self._read_errors(method)
            if not self.states:  # the nearest: a helper may begin another operation to undo this
                self.states = _named(method) & set(self._known_states)
            todo += [each for each in _own_calls(method) if each.startswith("_")]

    def _read_errors(self, function: Any) -> None:
        documented = " ".join(_RAISES.findall(inspect.getdoc(function) or ""))
        raised = " ".join(
            ast.unparse(node.exc)
            for node in ast.walk(_tree(function))
            if isinstance(node, ast.Raise) and node.exc is not None
        )
        for name in _NAMES.findall(f"{documented} {raised}"):
            found = getattr(exception, name, None)
            if isinstance(found, type) and found is not exception.NovaException and found.safe:
                self.errors.add(found)


def check_of(rule: str) -> str:
    """The default of a rule, in words: `member or admin`."""
    (check,) = (each.check_str for each in policies.list_rules() if each.name == rule)
    return _IN_WORDS.get(check, f"`{check}`")


_IN_WORDS = {
    "@": "everyone",
    "rule:context_is_admin": "admin",
    "rule:project_member_or_admin": "member, admin",
    "rule:project_reader_or_admin": "reader, admin",
    "rule:project_manager_or_admin": "manager, admin",
    "rule:service_or_admin": "service, admin",
    "(rule:context_is_admin) or user_id:%(user_id)s": "the user, admin",
}


def _nothing() -> None:
    """A stand-in for a method that does not exist."""


def _names_of(function: Any) -> dict[str, Any]:
    if isinstance(function, type):
        return vars(inspect.getmodule(function))
    return function.__globals__


def _is_followed(found: Any) -> bool:
    """Whether to read it: functions of the controllers' package, and the views of servers."""
    if not callable(found):
        return False
    found = inspect.unwrap(found)
    module = getattr(found, "__module__", "") or ""
    if isinstance(found, FunctionType):
        return module.startswith(_CONTROLLERS)
    return isinstance(found, type) and module.startswith(f"{_CONTROLLERS}.views")


@functools.cache
def _tree(function: Any) -> ast.AST:
    return ast.parse(textwrap.dedent(inspect.getsource(function)))


def _named(function: Any) -> set[str]:
    """The string constants in a function, and the rows of states of the actions that it names."""
    names, found = _names_of(function), set()
    for node in ast.walk(_tree(function)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.add(node.value)
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            value = getattr(names.get(node.value.id), node.attr, None)
            found.add(getattr(value, "starts_from", None))
    return found - {None}


def _own_calls(function: Any) -> list[str]:
    return [
        node.attr
        for node in ast.walk(_tree(function))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "self"
    ]


def _called(node: ast.Call) -> str:
    return getattr(node.func, "attr", getattr(node.func, "id", ""))


def _numbers(node: ast.Call) -> Iterator[int]:
    for each in ast.walk(node):
        if isinstance(each, ast.Constant) and type(each.value) is int and 200 <= each.value < 300:
            yield each.value
