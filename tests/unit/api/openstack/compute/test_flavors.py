import pytest

from tests.unit.conftest import ADMIN

TINY = {"name": "tiny", "id": "1", "ram": 64, "vcpus": 1, "disk": 0}


@pytest.fixture
def make(api):
    def create(version="2.96", **fields):
        body = {"flavor": {**TINY, **fields}}
        return api.post("/flavors", body, token=ADMIN, version=version)

    return create


def names(response):
    return [flavor["name"] for flavor in response.json["flavors"]]


def test_create_flavor(make, api):
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
def test_flavor_id_is_generated(make, flavor_id):
    assert len(make(id=flavor_id).json["flavor"]["id"]) == 36


def test_numbers_may_be_strings(make):
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
def test_invalid_flavors_are_refused(make, wrong):
    assert make(**wrong).status_int == 400


def test_description_needs_2_55(make):
    assert make(version="2.54", description="small").status_int == 400
    assert make(version="2.55", description="small").json["flavor"]["description"] == "small"


def test_duplicate_flavor_is_409(make):
    make()
    assert make().status_int == 409
    assert make(id="2").status_int == 409
    assert make(name="other").status_int == 409


@pytest.mark.parametrize(("version", "swap"), [("2.74", ""), ("2.75", 0)])
def test_swap_of_zero_by_version(make, version, swap):
    assert make(version=version).json["flavor"]["swap"] == swap


@pytest.mark.parametrize(
    ("version", "hidden"),
    [("2.54", {"description", "extra_specs"}), ("2.60", {"extra_specs"}), ("2.61", set())],
)
def test_flavor_fields_by_version(make, api, version, hidden):
    make()
    shown = api.get("/flavors/1", version=version).json["flavor"]
    assert {"description", "extra_specs"} - shown.keys() == hidden


def test_only_administrators_create_flavors(api):
    assert api.post("/flavors", {"flavor": TINY}).status_int == 403
    assert api.delete("/flavors/1").status_int == 403


def test_update_description(make, api):
    make()
    body = {"flavor": {"description": "new"}}
    assert api.put("/flavors/1", body, token=ADMIN, version="2.54").status_int == 404
    response = api.put("/flavors/1", body, token=ADMIN, version="2.55")
    assert response.json["flavor"]["description"] == "new"
    assert api.get("/flavors/1", version="2.55").json["flavor"]["description"] == "new"


def test_delete_flavor(make, api):
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
def test_list_flavors_with_filters_and_sorting(several, api, query, shown):
    assert names(api.get(f"/flavors{query}")) == shown
    assert names(api.get(f"/flavors/detail{query}")) == shown


def test_pagination_of_flavors(several, api):
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
def test_invalid_flavor_queries_are_refused(several, api, query):
    assert api.get(f"/flavors?{query}").status_int == 400


def test_unknown_query_parameters_are_refused_since_2_75(several, api):
    assert api.get("/flavors?colour=red", version="2.74").status_int == 200
    assert api.get("/flavors?colour=red", version="2.75").status_int == 400


class TestPrivate:
    @pytest.fixture(autouse=True)
    def private(self, make):
        make(id="p", name="private", **{"os-flavor-access:is_public": False})
        make()

    def act(self, api, action, project="project", token=ADMIN):
        return api.post("/flavors/p/action", {action: {"tenant": project}}, token=token)

    def test_private_flavor_is_hidden(self, api):
        assert api.get("/flavors/p").status_int == 404
        assert names(api.get("/flavors")) == ["tiny"]

    def test_administrator_sees_private_flavor(self, api):
        assert api.get("/flavors/p", token=ADMIN).status_int == 200
        assert names(api.get("/flavors?is_public=none", token=ADMIN)) == ["tiny", "private"]
        assert names(api.get("/flavors?is_public=false", token=ADMIN)) == ["private"]
        assert names(api.get("/flavors", token=ADMIN)) == ["tiny"]
        assert api.get("/flavors?is_public=perhaps", token=ADMIN).status_int == 400

    def test_is_public_filter_is_for_administrators(self, api):
        assert names(api.get("/flavors?is_public=none")) == ["tiny"]

    def test_add_tenant_access(self, api):
        shared = self.act(api, "addTenantAccess")
        assert shared.json == {"flavor_access": [{"flavor_id": "p", "tenant_id": "project"}]}
        assert api.get("/flavors/p").status_int == 200
        assert names(api.get("/flavors")) == ["tiny", "private"]
        assert api.get("/flavors/p", token="user:other").status_int == 404
        assert self.act(api, "addTenantAccess").status_int == 409
        assert api.get("/flavors/p/os-flavor-access", token=ADMIN).json == shared.json

    def test_remove_tenant_access(self, api):
        self.act(api, "addTenantAccess")
        assert self.act(api, "removeTenantAccess").json == {"flavor_access": []}
        assert api.get("/flavors/p").status_int == 404
        assert self.act(api, "removeTenantAccess").status_int == 404

    def test_access_is_deleted_with_its_flavor(self, api):
        self.act(api, "addTenantAccess")
        assert api.delete("/flavors/p", token=ADMIN).status_int == 202

    def test_only_administrators_change_flavor_access(self, api):
        assert self.act(api, "addTenantAccess", token="user:project").status_int == 403
        assert api.get("/flavors/p/os-flavor-access").status_int == 403

    def test_public_flavor_has_no_access_list(self, api):
        assert api.get("/flavors/1/os-flavor-access", token=ADMIN).status_int == 404
        body = {"addTenantAccess": {"tenant": "project"}}
        assert api.post("/flavors/1/action", body, token=ADMIN, version="2.7").status_int == 409
        assert api.post("/flavors/1/action", body, token=ADMIN, version="2.6").status_int == 200

    def test_unknown_flavor_action_is_refused(self, api):
        response = api.post("/flavors/p/action", {"paint": {}}, token=ADMIN)
        assert response.status_int == 400
        assert "paint" in response.json["badRequest"]["message"]


class TestExtraSpecs:
    PATH = "/flavors/1/os-extra_specs"

    @pytest.fixture(autouse=True)
    def flavor(self, make, api):
        make()
        body = {"extra_specs": {"hw:cpu_policy": "shared", "my:key": "1"}}
        assert api.post(self.PATH, body, token=ADMIN).json == body

    def test_show_extra_specs(self, api):
        specs = {"hw:cpu_policy": "shared", "my:key": "1"}
        assert api.get(self.PATH).json == {"extra_specs": specs}
        assert api.get(f"{self.PATH}/my:key").json == {"my:key": "1"}
        assert api.get("/flavors/1", version="2.61").json["flavor"]["extra_specs"] == specs

    def test_add_extra_specs(self, api):
        api.post(self.PATH, {"extra_specs": {"more": 2.5}}, token=ADMIN)
        specs = api.get(self.PATH).json["extra_specs"]
        assert specs == {"hw:cpu_policy": "shared", "my:key": "1", "more": "2.5"}

    def test_update_extra_spec(self, api):
        response = api.put(f"{self.PATH}/my:key", {"my:key": "2"}, token=ADMIN)
        assert response.json == {"my:key": "2"}
        assert api.get(f"{self.PATH}/my:key").json == {"my:key": "2"}
        assert api.put(f"{self.PATH}/my:key", {"other": "2"}, token=ADMIN).status_int == 400

    def test_delete_extra_spec(self, api):
        assert api.delete(f"{self.PATH}/my:key", token=ADMIN).status_int == 200
        assert api.get(f"{self.PATH}/my:key").status_int == 404
        assert api.delete(f"{self.PATH}/my:key", token=ADMIN).status_int == 404

    @pytest.mark.parametrize(
        "specs", [{"bad/key": "1"}, {"": "1"}, {"k" * 256: "1"}, {"k": "v" * 256}, {"k": []}]
    )
    def test_invalid_extra_specs_are_refused(self, api, specs):
        assert api.post(self.PATH, {"extra_specs": specs}, token=ADMIN).status_int == 400

    def test_extra_spec_values_are_validated_since_2_86(self, api):
        wrong = {"extra_specs": {"hw:cpu_policy": "sharred"}}
        assert api.post(self.PATH, wrong, token=ADMIN, version="2.85").status_int == 200
        assert api.post(self.PATH, wrong, token=ADMIN, version="2.86").status_int == 400

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("hw:foo_bar", "1"),
            ("hw:disk_bus", "virtio"),
            ("hw:numa_nodes", "0"),
            ("hw:numa_cpus.x", "0"),
            ("hw:numa_cpus.0", "zero"),
            ("hw:boot_menu", "maybe"),
            ("hw:redirected_usb_ports", "16"),
            ("hw_rng:rate_bytes", "-1"),
            ("os:secure_boot", "optional"),
            ("quota:cpu_shares", "many"),
            ("quota:speed", "1"),
            ("trait:CUSTOM_GOLD", "maybe"),
            ("trait:HW_CPU_X86_NO_SUCH", "required"),
            ("trait1:STORAGE_DISK_SSD", "wanted"),
            ("resources:VCPU", "abc"),
            ("resources:NO_SUCH", "1"),
            ("resources_group:VGPU", "one"),
            ("accel:no_such", "1"),
            ("pci_passthrough:alias", "gpu"),
            ("capabilities:no_such", "1"),
            ("group_policy", "all"),
            ("vmware:no_such", "1"),
        ],
    )
    def test_extra_specs_that_nova_refuses_since_2_86(self, api, key, value):
        wrong = {"extra_specs": {key: value}}
        assert api.post(self.PATH, wrong, token=ADMIN, version="2.85").status_int == 200
        response = api.post(self.PATH, wrong, token=ADMIN, version="2.86")
        assert response.status_int == 400
        assert response.json["badRequest"]["message"].startswith("Validation failed; ")
        path = f"{self.PATH}/{key}"
        assert api.put(path, {key: value}, token=ADMIN, version="2.86").status_int == 400

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("hw:numa_cpus.0", "0-1,^1,3"),
            ("hw:numa_mem.12", "512"),
            ("hw:mem_page_size", "2048KiB"),
            ("hw:tpm_version", "2.0"),
            ("trait:CUSTOM_GOLD", "forbidden"),
            ("trait_GPU:HW_GPU_API_VULKAN", "required"),
            ("resources:VCPU", "0"),
            ("resources1:CUSTOM_LICENSE", "2"),
            ("capabilities:cpu_info:topology:cores", ">= 4"),
            ("aggregate_instance_extra_specs:ssd", "true"),
            ("pci_passthrough:alias", "gpu:1,nic:2"),
            ("quota:cpu_quota", "-1"),
            ("group_policy", "none"),
            ("my:thing", "anything"),
            ("unscoped", "anything"),
        ],
    )
    def test_extra_specs_that_nova_accepts_since_2_86(self, api, key, value):
        right = {"extra_specs": {key: value}}
        response = api.post(self.PATH, right, token=ADMIN, version="2.86")
        assert (response.status_int, response.json) == (200, right)

    def test_only_administrators_change_extra_specs(self, api):
        assert api.post(self.PATH, {"extra_specs": {"a": "b"}}).status_int == 403
        assert api.delete(f"{self.PATH}/my:key").status_int == 403
