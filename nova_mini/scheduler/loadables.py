"""Loads the filters and weighers that the configuration names by their classes."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Sequence
from types import ModuleType
from typing import Any

from nova_mini import exception


def load(package: ModuleType, base: type, names: Sequence[str], option: str) -> list[Any]:
    """One instance of each named subclass of ``base`` in ``package``, in the order of ``names``.

    ``option``: the name of the option, for the error. Raises ConfigurationError for an unknown
    name.
    """
    known: dict[str, type] = {}
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
                f"{option} names {name!r}, which does not exist. Available: "
                f"{', '.join(sorted(known))}."
            )
    return [known[name]() for name in names]
