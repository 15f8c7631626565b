"""The default policy rules: one file per resource, each with a list ``RULES``."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Iterable

from oslo_policy import policy


@functools.cache
def list_rules() -> Iterable[policy.RuleDefault]:
    """The rules of all files, for the enforcer and for oslopolicy-sample-generator."""
    rules: list[policy.RuleDefault] = []
    for module in pkgutil.iter_modules(__path__):
        rules += importlib.import_module(f"{__name__}.{module.name}").RULES
    return rules
