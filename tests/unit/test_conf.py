"""The options of ``nova_mini.conf`` are documented, and each is listed once."""

import pytest

from nova_mini.conf import _MODULES, list_opts

OWN_OPTIONS = [
    (group, option)
    for module in _MODULES
    if not module.__name__.endswith(".database")  # oslo.db's own
    for group, options in module.OPTIONS.items()
    for option in options
]


def _id(value):
    return value if isinstance(value, str) else value.name


@pytest.mark.parametrize(("group", "option"), OWN_OPTIONS, ids=_id)
def test_option_has_help_text(group, option):
    text = (option.help or "").strip()

    assert len(text.split()) >= 4, f"[{group}] {option.name} has no help text"
    assert text.endswith("."), f"[{group}] {option.name}: {text}"


@pytest.mark.parametrize(
    ("group", "option"), [each for each in OWN_OPTIONS if each[1].mutable], ids=_id
)
def test_help_text_of_mutable_option_mentions_sighup(group, option):
    assert "SIGHUP" in option.help


@pytest.mark.parametrize(
    ("group", "option"), [each for each in OWN_OPTIONS if not each[1].mutable], ids=_id
)
def test_help_text_of_other_option_does_not_mention_sighup(group, option):
    assert "SIGHUP" not in option.help


def test_list_opts_returns_each_option_once():
    names = [(group, option.name) for group, options in list_opts() for option in options]

    assert len(names) == len(set(names))
    assert {(group, option.name) for group, option in OWN_OPTIONS} <= set(names)
