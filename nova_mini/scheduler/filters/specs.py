"""The requirements in extra specs, such as ``s== x86_64``, ``>= 4`` or ``<in> avx2``."""

from __future__ import annotations

import functools
from collections.abc import Callable


@functools.lru_cache(maxsize=1024)
def _test_for(requirement: str) -> Callable[[str], bool]:
    """A function that returns whether a value (as text) meets the requirement."""
    # Imported here because the parser takes 6 MB and 0.1 s, and few flavors need it.
    import pyparsing
    from oslo_utils import specs_matcher

    try:
        operator, *operands = specs_matcher.make_grammar().parse_string(requirement)
    except pyparsing.ParseException:
        operands = []
    if not operands:
        return requirement.__eq__
    compare = specs_matcher.op_methods[operator]
    return lambda text: compare(text, *operands)


def matches(value: object, requirement: str) -> bool:
    """Whether ``value`` meets ``requirement``. False if the requirement does not fit the value's
    type."""
    try:
        return bool(_test_for(requirement)(str(value)))
    except (ValueError, TypeError, SyntaxError):
        return False
