"""docs/security.md names existing tests, and contains all required vulnerabilities."""

from __future__ import annotations

import pathlib
import re

import pytest

_REPOSITORY = pathlib.Path(__file__).parents[3]
_TEXT = (_REPOSITORY / "docs" / "security.md").read_text()
_NAMED = sorted(set(re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", _TEXT)))
_HOLES = [
    "CVE-2015-0259",
    "CVE-2015-7548",
    "CVE-2015-8749",
    "CVE-2016-2140",
    "CVE-2017-16239",
    "CVE-2019-14433",
    "CVE-2021-3654",
    "CVE-2022-47951",
    "CVE-2023-2088",
    "CVE-2024-32498",
    "CVE-2024-40767",
    "CVE-2026-24708",
    "CVE-2026-46448",
]


@pytest.mark.parametrize(("file", "name"), _NAMED)
def test_a_test_that_is_named_exists(file, name):
    assert re.search(rf"^def {name}\(", (_REPOSITORY / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("hole", _HOLES)
def test_each_vulnerability_has_a_test(hole):
    (row,) = [line for line in _TEXT.splitlines() if line.startswith(f"| {hole} |")]
    assert "::test_" in row
