"""Hostile texts for requests, images and volumes: the API accepts them, and they break code that
builds paths, commands, XML, JSON or SQL from them without quoting."""

from __future__ import annotations

import random

# One for each kind of target, and for each critical group of Unicode characters.
TEXTS = (
    "../../../etc/passwd",
    "$(reboot); `reboot` | reboot &",
    "--format=raw",
    "'; DROP TABLE instances; --",
    "%s%n{0}{name!r}\\",
    "]]></name><domain type='kvm'>&amp;<!--",
    '{"a": [null, 1e999]}',
    "(a+)+$",
    "e\u0301 \u05d0\u05d1 \u4e2d\u6587",
    "\U0001f600 \U0001d11e \U000e0041",
    "\u202etxt.exe\u2066",
    "x" * 255,
)
_MAX_TAG = 60


def words(seed: str) -> dict:
    """Fields of a request for a server (2.52 and later), the same for the same ``seed``."""
    rng = random.Random(seed)
    return {
        "description": _accepted(rng.choice(TEXTS)),
        "metadata": {"note": rng.choice(TEXTS), "more": rng.choice(TEXTS)},
        "tags": [_tag(rng.choice(TEXTS))],
    }


def are_kept(server: dict, seed: str) -> bool:
    """Whether ``server``, as its user sees it, has the fields of :func:`words`."""
    expected = words(seed)
    return all(server[name] == value for name, value in expected.items())


def image_properties() -> dict[str, str]:
    """Properties of an image that have no meaning for nova_mini."""
    deep = "[" * 2000 + "]" * 2000
    return {
        **{f"tenant_{index}": text for index, text in enumerate(TEXTS)},
        "tenant_deep": deep,
    }


def volume_metadata() -> dict[str, str]:
    """Metadata of a volume: Cinder's tables hold only the characters of the first plane."""
    texts = ("".join(each for each in text if ord(each) < 0x10000) for text in TEXTS)
    return {f"tenant_{index}": text for index, text in enumerate(texts)}


def _accepted(text: str) -> str:
    """Without format characters (category Cf), which are not allowed in a description."""
    return "".join(each for each in text if each.isprintable())


def _tag(text: str) -> str:
    """Without the separators of tags in a query and of parts of a path."""
    return _accepted(text).replace(",", "").replace("/", "")[:_MAX_TAG].strip()
