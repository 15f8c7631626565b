"""Generated files are up to date, the site builds, and links and paths are valid."""

from __future__ import annotations

import configparser
import pathlib
import re
import subprocess
import sys

import pytest
from doclib import api, extra_specs, generated, terminal

from nova_mini import policies
from nova_mini.states.state_checks import ALLOWED

REPOSITORY = pathlib.Path(__file__).parents[3]
_TOP_PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
_EXAMPLES = ("compute/operations/polish.py",)
_LINK = re.compile(r"\]\(([^)\s]+)\)")


@pytest.mark.parametrize("name", generated.FILES)
def test_generated_file_is_not_stale(name):
    """If this test fails, run tools/docs."""
    assert (REPOSITORY / name).read_text() == generated.FILES[name]()


def test_notes_are_of_keys_that_are_refused():
    page = extra_specs.page()
    for note in extra_specs._NOTES.values():
        assert note in page


def test_site_builds_without_warnings(tmp_path):
    """In strict mode mkdocs fails for a page without an entry in the navigation, and for broken
    links and anchors."""
    command = [sys.executable, "-m", "mkdocs", "build", "--quiet", "--site-dir", str(tmp_path)]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (tmp_path / "reference" / "api.html").exists()


@pytest.mark.parametrize("name", _TOP_PAGES)
def test_links_of_top_pages(name):
    """These pages are not part of the site: their links name files of the repository."""
    for link in _LINK.findall((REPOSITORY / name).read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = REPOSITORY / (path or name)
        assert target.exists(), link
        if anchor:
            assert anchor in _anchors(target), link


def test_readme_fits_on_two_screens():
    lines = (REPOSITORY / "README.md").read_text().splitlines()
    assert len(lines) <= 100


@pytest.mark.parametrize("page", ["docs/architecture.md", "CONTRIBUTING.md"])
def test_files_that_a_page_names_exist(page):
    """A path begins at nova_mini/ or at the repository. A name without a path is in the folder of
    the path before it."""
    package = REPOSITORY / "nova_mini"
    beside = package
    for name in re.findall(r"`((?:[\w.-]+/)*[\w-]+\.(?:py|md|cfg)|(?:[\w.-]+/)+)`", _text(page)):
        found = [each / name for each in (package, REPOSITORY) if (each / name).exists()]
        if found:
            beside = found[0] if found[0].is_dir() else found[0].parent
        else:
            assert name in _EXAMPLES or (beside / name).exists(), name


def test_layers_on_the_page_are_those_of_the_import_rules():
    rules = configparser.ConfigParser()
    rules.read(REPOSITORY / "setup.cfg")
    layers = rules["importlinter:contract:packages"]["layers"].strip()
    assert f"```text\n{layers}\n```" in _text("docs/architecture.md")


def _text(page: str) -> str:
    return (REPOSITORY / page).read_text()


def _anchors(page: pathlib.Path) -> set[str]:
    titles = re.findall(r"^#+ (.*)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title).strip().lower().replace(" ", "-") for title in titles}


# -- the API reference ---------------------------------------------------------------------------


def test_every_state_of_the_table_belongs_to_an_operation():
    found = {state for row in api.rows_of_all() for state in row.states}
    assert found == set(ALLOWED)


def test_every_policy_of_the_api_belongs_to_an_operation():
    found = {rule for row in api.rows_of_all() for rule in row.rules}
    documented = {rule.name for rule in policies.list_rules() if hasattr(rule, "operations")}
    assert documented <= found


@pytest.mark.parametrize(
    ("name", "rule", "codes"),
    [
        ("POST `/servers`", "os_compute_api:servers:create", [202]),
        ("GET `/servers/{id}`", "os_compute_api:servers:show", [200]),
        ("`os-start`", "os_compute_api:servers:start", [202]),
        ("`add_host`", "os_compute_api:os-aggregates:add_host", [200]),
        (
            "PUT `/servers/{server_id}/tags/{id}`",
            "os_compute_api:os-server-tags:update",
            [201, 204],
        ),
    ],
)
def test_first_rule_and_codes_of_an_operation(name, rule, codes):
    (row,) = [row for row in api.rows_of_all() if row.name == name]
    assert row.rules[0] == rule
    assert set(codes) <= set(row.successes)


def test_states_of_an_operation_that_may_begin_another_to_undo():
    (row,) = [
        row
        for row in api.rows_of_all()
        if row.path.endswith("/os-volume_attachments") and row.method == "POST"
    ]
    assert row.states == ["attach_volume"]


def test_fields_have_their_microversions():
    page = api.page()
    assert "`personality` (to 2.56)" in page
    assert "`trusted_image_certificates` (2.63+)" in page


def test_nothing_that_is_served_is_listed_as_not_served():
    page = api.page()
    section = page[page.index("## Not served") : page.index("## Removed")]
    paths = {row.path.strip("/").split("/")[0] for row in api.rows_of_all()}
    actions = {row.name.strip("`") for row in api.rows_of_all() if row.is_action}
    assert not set(re.findall(r"`([\w-]+)`", section)) & (paths | actions)


# -- the doctor ------------------------------------------------------------------------------------


def test_every_kind_of_finding_of_the_doctor_is_documented():
    page = _text("docs/operations/maintenance.md")
    table = page[page.index("## Doctor") : page.index("## Purge")]
    documented = set(re.findall(r"`([a-z]+(?:-[a-z]+)+)`", table))
    source = "".join(path.read_text() for path in (REPOSITORY / "nova_mini").rglob("*.py"))
    assert {kind for kind in documented if f'"{kind}"' not in source} == set()
    found = set(re.findall(r"""[Ff]inding\(\s*"([a-z-]+)\"""", source))
    assert len(found) > 10
    assert found <= documented


# -- the picture of the demo -----------------------------------------------------------------------


def test_excerpt_has_lines_as_they_are_and_gaps_between():
    output = "one\ntwo\n\nthree\nfour\n"
    assert terminal.excerpt(output, ["one", "three", "four"]) == [
        "one",
        terminal.GAP,
        "three",
        "four",
    ]


def test_excerpt_without_a_line_that_it_needs():
    with pytest.raises(ValueError, match="three"):
        terminal.excerpt("one\nthree\ntwo\n", ["two", "three"])


def test_picture_escapes_text_and_cuts_long_lines():
    picture = terminal.picture("demo", ["a < b", "x" * 500])
    assert "a &lt; b" in picture
    assert "x" * (terminal.COLUMNS - 1) + "…" in picture
    assert "x" * terminal.COLUMNS not in picture
