"""tools/test: the evaluation of a run of pytest."""

import sys

import pytest
from testlib.commands import Commands

PYTEST = [sys.executable, "-m", "pytest", "--override-ini=addopts=", "--rootdir=/"]


def outcome(tmp_path, text, *arguments, repeats=False):
    file = tmp_path / "test_it.py"
    file.write_text(text)
    return Commands().pytest("it", PYTEST, [str(file), *arguments], repeats=repeats)


def test_one_passed_test_is_enough(tmp_path):
    found = outcome(tmp_path, "def test(): pass")
    assert (found.passed, found.failed, found.reason) == (1, 0, "")
    assert found.well


def test_a_failure_has_no_reason(tmp_path):
    found = outcome(tmp_path, "def test(): assert 0\ndef test_well(): pass")
    assert (found.passed, found.failed, found.reason) == (1, 1, "")


SKIPPED = "import pytest\n@pytest.mark.skip\ndef test(): pass"


@pytest.mark.parametrize(
    ("text", "arguments", "reason"),
    [
        ("def test(): pass", ["-k", "other"], "none matches the arguments"),
        ("def test(): pass", ["--no-such-option"], "pytest exited with 4"),
        (SKIPPED, [], "all 1 were skipped"),
    ],
)
def test_a_tier_without_a_result_fails_with_a_reason(tmp_path, text, arguments, reason):
    found = outcome(tmp_path, text, *arguments)
    assert not found.well
    assert found.failed == 1
    assert reason in found.reason


UNSTABLE = """
import pathlib
def test():
    mark = pathlib.Path(__file__).with_name("mark")
    was_there = mark.exists()
    mark.touch()
    assert was_there
def test_other(): pass
"""


def test_a_test_that_passes_in_its_second_run_is_named(tmp_path):
    found = outcome(tmp_path, UNSTABLE, repeats=True)
    assert (found.passed, found.failed, found.unstable) == (2, 0, 1)
    assert found.well


def test_a_test_that_fails_twice_has_failed(tmp_path):
    text = "def test(): assert 0\ndef test_well(): pass"
    found = outcome(tmp_path, text, repeats=True)
    assert (found.passed, found.failed, found.unstable) == (1, 1, 0)
    assert not found.well


def test_an_unstable_test_fails_where_nothing_is_repeated(tmp_path):
    assert outcome(tmp_path, UNSTABLE).failed == 1
