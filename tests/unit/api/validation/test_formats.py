import pytest

from nova_mini.api.validation.formats import DESCRIPTIONS, FORMAT_CHECKER

GOOD = {
    "uuid": ["6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"],
    "date-time": ["2026-01-31T12:00:00Z", "2026-01-31T12:00:00+02:00"],
    "base64": ["", "aGk=", "aG\nk="],
    "ipv4": ["10.0.0.1"],
    "ipv6": ["::1", "fe80::1"],
    "name": ["a", "a b", "имя", "日本", "日\u3000本", "\U0001f600"],
    "name_with_blanks": [" a "],
    "printable": ["", "a b", "\u3000", "日本\u3000", "\U0001f600", "\U00020000"],
    "text": ["", "a\tb\r\nc", "\U0001f600"],
    "az_name": ["nova"],
    "int32": ["0", "2147483647"],
    "limit": ["-1", "5"],
    "hostname": ["vm-1"],
    "fqdn": ["vm-1", "vm.example.org"],
    "regex": [".*", "^a+$"],
}
BAD = {
    "uuid": ["", "1", "6f2c2a86"],
    "date-time": ["", "yesterday", "2026-13-01T00:00:00Z", "0001-01-01T00:00:00+14:00"],
    "base64": ["a", "*", "é"],
    "ipv4": ["10.0.0", "::1", "10.0.0.256", "10.0.0.1/8"],
    "ipv6": ["10.0.0.1", ":::", "fe80::1%eth0"],
    "name": ["", " a", "a ", "a\nb", "a\x07"],
    "name_with_blanks": ["", "   ", "a\tb"],
    "printable": ["a\nb", "\x00", "\x1b[0m", "\x7f", "\u0085", "\u200b", "\u2028", "\ue000"],
    "text": ["\x00", "\x1b[0m", "\x7f", "\u0085"],
    "az_name": ["a:b", " "],
    "int32": ["", "-1", "2147483648", "1.5", "99999999999"],
    "limit": ["-2", "x"],
    "hostname": ["a", "-ab", "ab-", "a_b", "a.b", "x" * 64],
    "fqdn": ["a", "a..b", "-a.b", "x" * 256],
    "regex": ["", "(", "[", r"(a)\1", "(?=a)", "a{1001}", "((a{40}){40})", r"\pL{99}"],
}


def _cases(table):
    return [(name, value) for name, values in table.items() for value in values]


def test_each_format_has_cases_and_a_description():
    assert GOOD.keys() == BAD.keys() == FORMAT_CHECKER.checkers.keys() == DESCRIPTIONS.keys()


@pytest.mark.parametrize(("name", "value"), _cases(GOOD))
def test_valid_values(name, value):
    assert FORMAT_CHECKER.conforms(value, name)


@pytest.mark.parametrize(("name", "value"), _cases(BAD))
def test_invalid_values(name, value):
    assert not FORMAT_CHECKER.conforms(value, name)


@pytest.mark.parametrize("name", sorted(GOOD))
def test_formats_ignore_values_that_are_not_strings(name):
    assert FORMAT_CHECKER.conforms(5, name)
