import pytest

from tests.unit.conftest import ADMIN

TINY = {"name": "tiny", "id": "1", "ram": 64, "vcpus": 1, "disk": 0}


@pytest.fixture
def make(api):
    def create(version="2.96", **fields):
        body = {"flavor": {**TINY, **fields}}
        return api.post("/flavors", body, token=ADMIN, version=version)

    return create


def names(answer):
    return [flavor["name"] for flavor in answer.json["flavors"]]


def test_a_new_flavor(make, api):
    made = make(**{"swap": 512, "OS-FLV-EXT-DATA:ephemeral": 2, "rxtx_factor": 2.0})
    assert made.status_int == 200
    shown = api.get("/flavors/1", version="2.96")
    assert shown.json == made.json
    flavor = shown.json["flavor"]
    assert flavor.pop("links")[1] == {"rel": "bookmark", "href": "http://localhost/flavors/1"}
    assert flavor == {
        "id": "1",
        "name": "tiny",
        "ram": 64,
        "vcpus": 1,
        "disk": 0,
        "swap": 512,
        "OS-FLV-EXT-DATA:ephemeral": 2,
        "OS-FLV-DISABLED:disabled": False,
        "os-flavor-access:is_public": True,
        "rxtx_factor": 2.0,
        "description": None,
        "extra_specs": {},
    }


@pytest.mark.parametrize("flavor_id", [None, "auto"])
def test_an_id_is_made_when_none_is_given(make, flavor_id):
    assert len(make(id=flavor_id).json["flavor"]["id"]) == 36


def test_numbers_may_come_as_text(make):
    assert make(ram="128", vcpus="2", disk="3").json["flavor"]["ram"] == 128


@pytest.mark.parametrize(
    "wrong",
    [
        {"ram": 0},
        {"ram": -1},
        {"ram": "many"},
        {"ram": 2**31},
        {"ram": "9999999999"},
        {"ram": 1.5},
        {"vcpus": 0},
        {"disk": -1},
        {"swap": "-1"},
        {"name": ""},
        {"name": "   "},
        {"name": "x" * 256},
        {"id": "no/slash"},
        {"id": " 1"},
        {"rxtx_factor": 0},
        {"rxtx_factor": "0.0"},
        {"rxtx_factor": -1},
        {"os-flavor-access:is_public": "perhaps"},
        {"unknown": 1},
        {"description": "x" * 65536},
    ],
)
def test_a_flavor_that_cannot_be(make, wrong):
    assert make(**wrong).status_int == 400


def test_a_description_is_of_255(make):
    assert make(version="2.54", description="small").status_int == 400
    assert make(version="2.55", description="small").json["flavor"]["description"] == "small"


def test_the_same_flavor_twice(make):
    make()
    assert make().status_int == 409
    assert make(id="2").status_int == 409
    assert make(name="other").status_int == 409


@pytest.mark.parametrize(("version", "swap"), [("2.74", ""), ("2.75", 0)])
def test_no_swap(make, version, swap):
    assert make(version=version).json["flavor"]["swap"] == swap


@pytest.mark.parametrize(
    ("version", "hidden"),
    [("2.54", {"description", "extra_specs"}), ("2.60", {"extra_specs"}), ("2.61", set())],
)
def test_what_versions_show(make, api, version, hidden):
    make()
    shown = api.get("/flavors/1", version=version).json["flavor"]
    assert {"description", "extra_specs"} - shown.keys() == hidden


def test_only_an_administrator_makes_flavors(api):
    assert api.post("/flavors", {"flavor": TINY}).status_int == 403
    assert api.delete("/flavors/1").status_int == 403


def test_a_description_is_changed(make, api):
    make()
    body = {"flavor": {"description": "new"}}
    assert api.put("/flavors/1", body, token=ADMIN, version="2.54").status_int == 404
    answer = api.put("/flavors/1", body, token=ADMIN, version="2.55")
    assert answer.json["flavor"]["description"] == "new"
    assert api.get("/flavors/1", version="2.55").json["flavor"]["description"] == "new"


def test_a_flavor_is_deleted(make, api):
    make()
    assert api.delete("/flavors/1", token=ADMIN).status_int == 202
    assert api.get("/flavors/1").status_int == 404
    assert api.delete("/flavors/1", token=ADMIN).status_int == 404


@pytest.fixture
def several(make):
    for number, (ram, disk) in enumerate([(64, 0), (512, 10), (2048, 20), (8192, 40)], start=1):
        make(id=str(number), name=f"f{number}", ram=ram, disk=disk)


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["f1", "f2", "f3", "f4"]),
        ("?minRam=512", ["f2", "f3", "f4"]),
        ("?minDisk=20", ["f3", "f4"]),
        ("?minRam=512&minDisk=11", ["f3", "f4"]),
        ("?sort_key=memory_mb&sort_dir=desc", ["f4", "f3", "f2", "f1"]),
        ("?limit=2", ["f1", "f2"]),
        ("?limit=2&marker=2", ["f3", "f4"]),
        ("?sort_key=name&sort_dir=desc&marker=3&limit=1", ["f2"]),
        ("?sort_key=description&marker=3", ["f4"]),
        ("?sort_key=disabled&sort_dir=desc&marker=3", ["f2", "f1"]),
        ("?sort_key=updated_at&sort_dir=desc&marker=2", ["f1"]),
        ("?limit=0", []),
    ],
)
def test_lists(several, api, query, shown):
    assert names(api.get(f"/flavors{query}")) == shown
    assert names(api.get(f"/flavors/detail{query}")) == shown


def test_pages_follow_their_links(several, api):
    seen, path = [], "/flavors?limit=3"
    while path:
        page = api.get(path)
        seen += names(page)
        links = page.json.get("flavors_links")
        path = links[0]["href"].removeprefix("http://localhost/v2.1") if links else None
    assert seen == ["f1", "f2", "f3", "f4"]


@pytest.mark.parametrize(
    "query", ["minRam=x", "minDisk=-1", "sort_key=secret", "sort_dir=up", "marker=nope", "minRam="]
)
def test_a_query_that_cannot_be(several, api, query):
    assert api.get(f"/flavors?{query}").status_int == 400


def test_unknown_queries_are_refused_from_275_on(several, api):
    assert api.get("/flavors?colour=red", version="2.74").status_int == 200
    assert api.get("/flavors?colour=red", version="2.75").status_int == 400


class TestPrivate:
    @pytest.fixture(autouse=True)
    def private(self, make):
        make(id="p", name="private", **{"os-flavor-access:is_public": False})
        make()

    def act(self, api, action, project="project", token=ADMIN):
        return api.post("/flavors/p/action", {action: {"tenant": project}}, token=token)

    def test_it_is_hidden(self, api):
        assert api.get("/flavors/p").status_int == 404
        assert names(api.get("/flavors")) == ["tiny"]

    def test_an_administrator_sees_it(self, api):
        assert api.get("/flavors/p", token=ADMIN).status_int == 200
        assert names(api.get("/flavors?is_public=none", token=ADMIN)) == ["tiny", "private"]
        assert names(api.get("/flavors?is_public=false", token=ADMIN)) == ["private"]
        assert names(api.get("/flavors", token=ADMIN)) == ["tiny"]
        assert api.get("/flavors?is_public=perhaps", token=ADMIN).status_int == 400

    def test_is_public_is_the_administrators(self, api):
        assert names(api.get("/flavors?is_public=none")) == ["tiny"]

    def test_it_is_shared(self, api):
        shared = self.act(api, "addTenantAccess")
        assert shared.json == {"flavor_access": [{"flavor_id": "p", "tenant_id": "project"}]}
        assert api.get("/flavors/p").status_int == 200
        assert names(api.get("/flavors")) == ["tiny", "private"]
        assert api.get("/flavors/p", token="user:other").status_int == 404
        assert self.act(api, "addTenantAccess").status_int == 409
        assert api.get("/flavors/p/os-flavor-access", token=ADMIN).json == shared.json

    def test_it_is_shared_no_more(self, api):
        self.act(api, "addTenantAccess")
        assert self.act(api, "removeTenantAccess").json == {"flavor_access": []}
        assert api.get("/flavors/p").status_int == 404
        assert self.act(api, "removeTenantAccess").status_int == 404

    def test_a_deleted_flavor_is_shared_no_more(self, api):
        self.act(api, "addTenantAccess")
        assert api.delete("/flavors/p", token=ADMIN).status_int == 202

    def test_only_an_administrator_shares(self, api):
        assert self.act(api, "addTenantAccess", token="user:project").status_int == 403
        assert api.get("/flavors/p/os-flavor-access").status_int == 403

    def test_a_public_flavor_has_no_list(self, api):
        assert api.get("/flavors/1/os-flavor-access", token=ADMIN).status_int == 404
        body = {"addTenantAccess": {"tenant": "project"}}
        assert api.post("/flavors/1/action", body, token=ADMIN).status_int == 409

    def test_an_unknown_action(self, api):
        answer = api.post("/flavors/p/action", {"paint": {}}, token=ADMIN)
        assert answer.status_int == 400
        assert "paint" in answer.json["badRequest"]["message"]


class TestExtraSpecs:
    PATH = "/flavors/1/os-extra_specs"

    @pytest.fixture(autouse=True)
    def flavor(self, make, api):
        make()
        body = {"extra_specs": {"hw:cpu_policy": "shared", "my:key": "1"}}
        assert api.post(self.PATH, body, token=ADMIN).json == body

    def test_they_are_shown(self, api):
        specs = {"hw:cpu_policy": "shared", "my:key": "1"}
        assert api.get(self.PATH).json == {"extra_specs": specs}
        assert api.get(f"{self.PATH}/my:key").json == {"my:key": "1"}
        assert api.get("/flavors/1", version="2.61").json["flavor"]["extra_specs"] == specs

    def test_more_are_added(self, api):
        api.post(self.PATH, {"extra_specs": {"more": 2.5}}, token=ADMIN)
        specs = api.get(self.PATH).json["extra_specs"]
        assert specs == {"hw:cpu_policy": "shared", "my:key": "1", "more": "2.5"}

    def test_one_is_changed(self, api):
        answer = api.put(f"{self.PATH}/my:key", {"my:key": "2"}, token=ADMIN)
        assert answer.json == {"my:key": "2"}
        assert api.get(f"{self.PATH}/my:key").json == {"my:key": "2"}
        assert api.put(f"{self.PATH}/my:key", {"other": "2"}, token=ADMIN).status_int == 400

    def test_one_is_deleted(self, api):
        assert api.delete(f"{self.PATH}/my:key", token=ADMIN).status_int == 200
        assert api.get(f"{self.PATH}/my:key").status_int == 404
        assert api.delete(f"{self.PATH}/my:key", token=ADMIN).status_int == 404

    @pytest.mark.parametrize(
        "specs", [{"bad/key": "1"}, {"": "1"}, {"k" * 256: "1"}, {"k": "v" * 256}, {"k": []}]
    )
    def test_specs_that_cannot_be(self, api, specs):
        assert api.post(self.PATH, {"extra_specs": specs}, token=ADMIN).status_int == 400

    def test_values_of_known_specs_are_checked_from_286_on(self, api):
        wrong = {"extra_specs": {"hw:cpu_policy": "sharred"}}
        assert api.post(self.PATH, wrong, token=ADMIN, version="2.85").status_int == 200
        assert api.post(self.PATH, wrong, token=ADMIN, version="2.86").status_int == 400

    def test_only_an_administrator_changes_them(self, api):
        assert api.post(self.PATH, {"extra_specs": {"a": "b"}}).status_int == 403
        assert api.delete(f"{self.PATH}/my:key").status_int == 403
