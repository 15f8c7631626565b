"""Texts of users in a real database: they are returned unchanged, or refused with 400."""

from __future__ import annotations

import time
from urllib.parse import quote, urlencode

import pytest

from tests.functional.harness.waiting import until
from tests.unit.api.schema_strategies import EXPLOSIVE, EXPRESSION_TEXTS, EXPRESSIONS

# Of planes 0 to 3, and of those in which no character can be shown.
PRINTABLE = [
    "é",
    "中",
    "日\u3000本",
    "\U0001f600",
    "\U00020000",
    "\U00030000",
    "e\u0301",
    "'\"%_\\",
]
NOT_PRINTABLE = [
    "\x00",
    "\x1b",
    "\x7f",
    "\x85",
    "\u200b",
    "\u2028",
    "\ue000",
    "\U000e0001",
    "\U000f0000",
    "\U0010fffd",
]


def test_every_text_is_compared_byte_by_byte(cloud):
    """Applies to future tables, too: their migrations must set this collation."""
    loose = cloud.query(
        "SELECT table_name, column_name, collation_name FROM information_schema.columns "
        "WHERE table_schema = DATABASE() AND collation_name IS NOT NULL "
        "AND collation_name != 'utf8mb4_nopad_bin'"
    )
    assert loose == []


def test_texts_that_differ_in_case_or_in_blanks_at_their_end_are_different(cloud, project):
    server_id = project.boot()
    path = f"/servers/{server_id}"
    tags = ["A", "a", "a ", "à"]
    assert project.user.put(f"{path}/tags", {"tags": tags})["tags"] == tags
    assert project.user.request("PUT", f"{path}/tags/a%20%20").status_code == 201
    assert project.user.get(f"{path}/tags")["tags"] == ["A", "a", "a ", "a  ", "à"]
    project.user.delete(f"{path}/tags/a%20")
    assert project.user.get(f"{path}/tags")["tags"] == ["A", "a", "a  ", "à"]
    assert project.user.get("/servers?" + urlencode({"tags": "a "}))["servers"] == []
    metadata = {"k": "v", "K": "V", "k ": "v "}
    assert project.user.put(f"{path}/metadata", {"metadata": metadata})["metadata"] == metadata
    for name in ("aggregate", "Aggregate"):
        made = cloud.admin.post("/os-aggregates", {"aggregate": {"name": name}})["aggregate"]
        cloud.admin.delete(f"/os-aggregates/{made['id']}", expect=200)
    stranger = cloud.client(f"user:{project.id.upper()}")
    assert stranger.get("/servers")["servers"] == []
    assert stranger.get("/limits")["limits"]["absolute"]["totalInstancesUsed"] == 0


@pytest.mark.parametrize("text", PRINTABLE)
def test_printable_text_is_shown_as_it_was_given(cloud, project, text):
    name = f"a{text}z"
    given = {"name": name, "description": name, "metadata": {"k": name}, "tags": [name]}
    server_id = project.boot(**given)
    path = f"/servers/{server_id}"
    shown = project.user.show(server_id)
    assert {key: shown[key] for key in given} == given
    other = f"{text}2"
    response = project.user.request("PUT", f"{path}/tags/{quote(other, safe='')}")
    assert response.status_code == 201
    assert response.headers["Location"].endswith(quote(other, safe=""))
    assert project.user.request("GET", f"{path}/tags/{quote(other, safe='')}").status_code == 204
    for query in ({"tags": name}, {"metadata": f'{{"k": {_json(name)}}}'}):
        found = project.user.get("/servers?" + urlencode(query))["servers"]
        assert [server["id"] for server in found] == [server_id]
    project.user.wait_for(server_id, "ACTIVE")
    project.user.act(server_id, "lock", {"locked_reason": name})
    assert project.user.show(server_id)["locked_reason"] == name
    project.user.act(server_id, "unlock")
    flavor = {"name": name, "id": "odd", "vcpus": 1, "ram": 1, "disk": 0, "description": name}
    made = cloud.admin.post("/flavors", {"flavor": flavor})["flavor"]
    specs = {"x:y": name}
    assert cloud.admin.post("/flavors/odd/os-extra_specs", {"extra_specs": specs})
    shown = cloud.admin.get("/flavors/odd")["flavor"]
    cloud.admin.delete("/flavors/odd", expect=202)
    assert (made["name"], shown["description"], shown["extra_specs"]) == (name, name, specs)
    made = cloud.admin.post("/os-aggregates", {"aggregate": {"name": name}})["aggregate"]
    cloud.admin.delete(f"/os-aggregates/{made['id']}", expect=200)
    assert made["name"] == name


def _json(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


@pytest.mark.parametrize("text", NOT_PRINTABLE)
def test_unprintable_characters_are_refused(cloud, project, text):
    bad = f"a{text}z"
    for fields in ({"name": bad}, {"description": bad}, {"tags": [bad]}, {"metadata": {bad: "v"}}):
        project.user.refusal(400, "POST", "/servers", project.server(**fields))
    server_id = project.create()
    path = f"/servers/{server_id}/tags/{quote(bad, safe='')}"
    assert project.user.request("PUT", path).status_code == 400
    aggregate = {"aggregate": {"name": bad}}
    cloud.admin.refusal(400, "POST", "/os-aggregates", aggregate)
    flavor = {"name": "f", "vcpus": 1, "ram": 1, "disk": 0}
    for fields in ({"name": bad}, {"description": bad}):
        cloud.admin.refusal(400, "POST", "/flavors", {"flavor": {**flavor, **fields}})


@pytest.fixture
def named(project):
    """{number: id} of servers with the names in ``EXPRESSION_TEXTS``."""
    ids = [project.create(name=text) for text in EXPRESSION_TEXTS]
    until("all are there", lambda: len(project.servers()) == len(ids), 30)
    return {server_id: str(number) for number, server_id in enumerate(ids, start=1)}


def test_regular_expressions_find_what_they_find_in_sqlite(project, named):
    for expression, expected in EXPRESSIONS:
        servers = project.user.get("/servers?" + urlencode({"name": expression}))["servers"]
        found = "".join(sorted(named[server["id"]] for server in servers))
        assert found == expected[::-1], expression


def test_no_regular_expression_takes_long(project):
    project.create(name="a" * 60 + "!")
    start = time.monotonic()
    for expression in EXPLOSIVE:
        project.user.get("/servers?" + urlencode({"name": expression}))
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("expression", ["(", "[", "*", "a{1001}", r"(a)\1", "(?=a)", "", "\x00"])
def test_an_invalid_regular_expression_is_refused(project, expression):
    for name in ("name", "ip", "ip6"):
        project.user.refusal(400, "GET", "/servers?" + urlencode({name: expression}))


def test_names_that_are_numbered_must_stay_short_enough(project):
    assert "255" in project.user.refusal(
        400, "POST", "/servers", project.server(name="x" * 255, min_count=2)
    )
    assert project.servers() == []
    project.create(name="x" * 253, min_count=2)
    assert len(project.servers()) == 2
