"""The traits that an administrator gives to hosts, in files."""

from __future__ import annotations

import textwrap

import pytest

from nova_mini import exception
from nova_mini.compute.host import provider_config


@pytest.fixture
def write(tmp_path):
    def write_file(name: str, providers: str, head: str = "meta: {schema_version: '1.0'}") -> None:
        text = f"{head}\nproviders:\n{textwrap.indent(textwrap.dedent(providers), '  ')}"
        (tmp_path / name).write_text(text)

    return write_file


def traits_of(directory, node: str) -> set[str]:
    return set(provider_config.traits_of(node, provider_config.load(str(directory))))


def test_a_host_has_the_traits_of_its_own_entry_or_of_every_host(write, tmp_path):
    write("b.yaml", "- {identification: {name: n1}, traits: {additional: [CUSTOM_GOLD]}}")
    write(
        "a.yaml",
        """\
        - identification: {uuid: $COMPUTE_NODE}
          traits: {additional: [CUSTOM_ALL, CUSTOM_1]}
        - {identification: {name: n2}}
        """,
    )
    (tmp_path / "c.yml").write_text("not read")
    assert traits_of(tmp_path, "n1") == {"CUSTOM_GOLD"}
    assert traits_of(tmp_path, "n2") == {"CUSTOM_ALL", "CUSTOM_1"}, "its entry has no traits"
    assert traits_of(tmp_path, "n3") == {"CUSTOM_ALL", "CUSTOM_1"}


def test_without_files_there_are_no_traits(tmp_path):
    assert provider_config.load(str(tmp_path)) == {}
    assert provider_config.load(str(tmp_path / "missing")) == {}
    assert provider_config.traits_of("n1", {}) == frozenset()


@pytest.mark.parametrize(
    ("provider", "reason"),
    [
        ("{identification: {name: n}, traits: {additional: [HW_CPU_X86_AVX]}}", "does not match"),
        ("{identification: {name: n}, traits: {additional: [CUSTOM_gold]}}", "does not match"),
        ("{identification: {name: n}, traits: {extra: []}}", "'extra' was unexpected"),
        ("{identification: {name: n}, inventories: {additional: []}}", "inventories"),
        ("{identification: {uuid: 4f2c9a34-6b1f-4f0e-9d6b-0d2a1f8a1c11}}", "COMPUTE_NODE"),
        ("{identification: {name: n, uuid: $COMPUTE_NODE}}", "too many properties"),
        ("{traits: {additional: [CUSTOM_A]}}", "identification"),
        ("{identification: {name: n}}\n- {identification: {name: n}}", "another entry for n"),
        ("{identification: {name: n", "expected"),
    ],
)
def test_the_error_says_what_is_wrong_in_which_file(write, tmp_path, provider, reason):
    write("x.yaml", f"- {provider}")
    with pytest.raises(exception.ConfigurationError) as raised:
        provider_config.load(str(tmp_path))
    assert str(tmp_path / "x.yaml") in str(raised.value)
    assert reason in str(raised.value)


@pytest.mark.parametrize("head", ["meta: {}", "{}", "meta: {schema_version: '2.0'}"])
def test_another_version_of_the_form_is_an_error(write, tmp_path, head):
    write("x.yaml", "[]", head=head if head != "{}" else "other: 1")
    with pytest.raises(exception.ConfigurationError, match="not valid"):
        provider_config.load(str(tmp_path))


def test_a_file_that_is_no_text_is_an_error(tmp_path):
    (tmp_path / "x.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(exception.ConfigurationError):
        provider_config.load(str(tmp_path))
