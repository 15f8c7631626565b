"""Regular expressions that users give, such as ``?name=^web``.

They are matched by RE2, whose time is linear in the length of the text. Python's ``re`` and the
engines of databases can take exponential time, for example for ``(a+)+$``, so no expression is sent
to a database. Where an expression is simple enough, the database gets a LIKE pattern, so that it
does not return every server.

Matching ignores case, as in Nova on MySQL and MariaDB.
"""

from __future__ import annotations

import re
from collections.abc import Callable

import re2

#: Escape character in the LIKE patterns of this module.
LIKE_ESCAPE = "!"

# Maximum size of a compiled expression: about a thousand instructions, which take a millisecond for
# 255 characters.
_MAX_BYTES = 1 << 16

# Expressions that LIKE can express: ^ and $ at the ends, .* next to them, and between them only
# characters and dots.
_PLAIN = re.compile(r"(\^?)(\.\*)?((?:[a-zA-Z0-9 _:@/-]|\\?\.)*?)(\.\*)?(\$?)", re.ASCII)
_SYMBOL = re.compile(r"\\?.")
# Other characters match these when case is ignored: the Kelvin sign and the long s.
_HAVE_TWINS = "ks"


def _options() -> re2.Options:
    options = re2.Options()
    options.case_sensitive = False
    options.log_errors = False
    options.max_mem = _MAX_BYTES
    return options


_OPTIONS = _options()


def is_valid(expression: str) -> bool:
    """Whether RE2 accepts the expression and it is not too large. An empty expression is not
    valid."""
    try:
        re2.compile(expression, _OPTIONS)
    except (re2.error, UnicodeEncodeError):
        return False
    return bool(expression)


def matcher(expression: str) -> Callable[[str | None], bool]:
    """A function that returns whether ``expression`` matches anywhere in a text; False for None.

    ``expression`` must be valid.
    """
    search = re2.compile(expression, _OPTIONS).search
    return lambda text: text is not None and search(text) is not None


def like(expression: str, *, inside: bool = False) -> str | None:
    """A LIKE pattern that matches the lower-case form of every text that ``expression`` matches.

    It may match other texts, too. None if there is no useful pattern. ``inside``: the text is part
    of a longer one, so that ``^`` and ``$`` cannot be used.
    """
    plain = _PLAIN.fullmatch(expression)
    if not plain or not plain[3]:
        return None
    caret, any_prefix, text, any_suffix, dollar = plain.groups()
    begin = "%" if inside or any_prefix or not caret else ""
    end = "%" if inside or any_suffix or not dollar else ""
    return begin + "".join(map(_like_symbol, _SYMBOL.findall(text))) + end


def like_containing(text: str) -> str:
    """A LIKE pattern for the lower-case form of every text that contains ``text`` (ASCII)."""
    return f"%{''.join(map(_escaped, text.lower()))}%"


def _like_symbol(symbol: str) -> str:
    """The LIKE pattern of one character of an expression, which may have a backslash before it."""
    character = symbol.lower()
    if character == "." or character in _HAVE_TWINS:
        return "_"
    return _escaped(character.removeprefix("\\"))


def _escaped(character: str) -> str:
    return LIKE_ESCAPE + character if character in ("%", "_", LIKE_ESCAPE) else character
