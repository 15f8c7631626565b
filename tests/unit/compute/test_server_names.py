"""Generated names and passwords of servers."""

import re

from hypothesis import given
from hypothesis import strategies as st

from nova_mini.compute.requests import server_names

UUID = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\Z")


@given(st.text(max_size=300))
def test_a_hostname_is_always_one_dns_label(name):
    assert _LABEL.match(server_names.hostname(name, UUID))


def test_hostname_from_a_display_name():
    for name, expected in (
        ("Web 1", "web-1"),
        ("a.b_c", "a-b-c"),
        ("-x-", "x"),
        ("日本", f"server-{UUID}"),
        ("a" * 62 + "-b", "a" * 62),
    ):
        assert server_names.hostname(name, UUID) == expected


def test_passwords_differ_and_have_every_class():
    made = {server_names.password() for _ in range(50)}
    assert len(made) == 50
    for password in made:
        assert re.search("[a-z]", password)
        assert re.search("[A-Z]", password)
        assert re.search("[0-9]", password)
        assert not set(password) & set("Il1O0o")
