"""Filters and weighers are found by their class names, as the configuration gives them."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType
from typing import TypeVar

from nova_mini import exception

T = TypeVar("T")


def load(package: ModuleType, base: type[T], names: Sequence[str], option: str) -> list[T]:
    """One instance of each named subclass of ``base`` in ``package``, in the order of ``names``.

    Raises ConfigurationError for a name that is none.
    """
    known = {}
    for info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(info.name)
        known |= {
            name: item
            for name, item in vars(module).items()
            if isinstance(item, type) and issubclass(item, base) and item is not base
        }
    for name in names:
        if name not in known:
            raise exception.ConfigurationError(
                f"{option} names {name!r}, which does not exist. There are: "
                f"{', '.join(sorted(known))}."
            )
    return [known[name]() for name in names]
