"""The small language of requirements in extra specs: ``s== x86_64``, ``>= 4``, ``<in> avx2``."""

from __future__ import annotations

import functools
from collections.abc import Callable


@functools.lru_cache(maxsize=1024)
def _test_for(requirement: str) -> Callable[[str], bool]:
    """What tells whether a value, as text, meets the requirement."""
    # Not before a flavor needs it: the parser takes 6 MB and 0.1 s.
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
    """Whether ``value`` meets ``requirement``; one that makes no sense for it is not met."""
    try:
        return bool(_test_for(requirement)(str(value)))
    except (ValueError, TypeError, SyntaxError):
        return False
