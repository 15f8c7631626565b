"""The language of the scheduler hint ``query``, on which JsonFilter acts.

A query is a condition in JSON: ``["and", [">=", "$free_ram_mb", 1024], ["=", "$nodename", "c7"]]``.
``$name`` is a property of a host, ``$cpu_info.arch`` a key in one.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from nova_mini.guest_options.flavor_options import CAPABILITIES_OF_HOSTS, CAPABILITIES_OF_THE_MAKE

COMPARISONS = ("=", "<", ">", "<=", ">=", "in")
CONNECTIVES = ("and", "or", "not")

#: The properties of a host that a query can compare.
VARIABLES = (*CAPABILITIES_OF_HOSTS, *CAPABILITIES_OF_THE_MAKE, "hypervisor_hostname")

_LONGEST = 10_000  # characters
_DEEPEST = 20  # conditions inside of each other
_SHOWN = 60  # characters of a word in a message

Constant = str | int | float | bool | None


class Variable(NamedTuple):
    """``keys``: the way to a value inside of the property ``name``."""

    name: str
    keys: tuple[str, ...]


class Comparison(NamedTuple):
    """Holds if the first operand compares so with every other one; ``in``: with any of them."""

    operator: str
    operands: tuple[Variable | Constant, ...]


class Connective(NamedTuple):
    operator: str
    conditions: tuple[Comparison | Connective, ...]


Condition = Comparison | Connective

EVERYWHERE = Connective("and", ())  # holds on every host


def parse(text: str) -> Condition:
    """Raises ValueError with a sentence for the user."""
    if not isinstance(text, str):
        raise ValueError("it is not a text")
    if len(text) > _LONGEST:
        raise ValueError(f"it has more than {_LONGEST} characters")
    try:
        value = json.loads(text, parse_constant=_no_number)
    except (ValueError, RecursionError) as exc:
        raise ValueError('it is not JSON, such as [">=", "$free_ram_mb", 1024]') from exc
    return EVERYWHERE if value in ([], None, "") else _condition(value, _DEEPEST)


def _no_number(word: str) -> None:
    raise ValueError(word)


def _condition(value: object, depth: int) -> Condition:
    if not isinstance(value, list) or not value:
        raise ValueError(f"{_show(value)} is not a condition: a list that begins with an operator")
    if depth == 0:
        raise ValueError(f"more than {_DEEPEST} conditions are inside of each other")
    operator, *rest = value
    if operator in COMPARISONS:
        if len(rest) < 2:
            raise ValueError(f"{operator} compares at least two values")
        return Comparison(operator, tuple(_operand(each) for each in rest))
    if operator not in CONNECTIVES:
        known = " ".join((*COMPARISONS, *CONNECTIVES))
        raise ValueError(f"{_show(operator)} is not an operator; these are: {known}")
    if operator == "not" and len(rest) != 1:
        raise ValueError("not has exactly one condition")
    return Connective(operator, tuple(_condition(each, depth - 1) for each in rest))


def _operand(value: object) -> Variable | Constant:
    if isinstance(value, str) and value.startswith("$"):
        name, *keys = value[1:].split(".")
        if name not in VARIABLES:
            raise ValueError(f"{_show(value)} is not a property of a host that can be compared")
        return Variable(name, tuple(keys))
    if value is None or isinstance(value, (str, int, float)):
        return value
    raise ValueError(f"{_show(value)} is not a text or a number, and cannot be compared")


def _show(value: object) -> str:
    return json.dumps(value)[:_SHOWN]
