"""The filters and weighers that an operator adds, in a cloud of three hosts."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.functional.conftest import make_catalog
from tests.functional.harness import cloud as clouds
from tests.functional.harness.cloud import Cloud
from tests.functional.harness.project import Project

HOSTS = ("c1", "c2", "c3")
FILTERS = (
    "ComputeFilter",
    "AvailabilityZoneFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "AggregateInstanceExtraSpecsFilter",
    "AggregateMultiTenancyIsolation",
    "AggregateImagePropertiesIsolation",
    "AggregateNumInstancesFilter",
    "AggregateIoOpsFilter",
    "IsolatedHostsFilter",
    "JsonFilter",
)
# The file of every host.
_TRAITS = """\
meta: {schema_version: '1.0'}
providers:
- identification: {name: c2}
  traits: {additional: [CUSTOM_GOLD, CUSTOM_SSD]}
- identification: {uuid: $COMPUTE_NODE}
  traits: {additional: [CUSTOM_SSD]}
"""


@pytest.fixture(scope="module")
def isolated_image(images) -> str:
    return images.add()


@pytest.fixture(scope="module")
def cloud(engines, images, workspace, isolated_image) -> Iterator[Cloud]:
    directory = workspace / "scheduling"
    providers = directory / "providers"
    providers.mkdir(parents=True)
    (providers / "traits.yaml").write_text(_TRAITS)
    options = {
        "compute": {"provider_config_location": providers},
        "filter_scheduler": {
            "enabled_filters": ",".join(FILTERS),
            "isolated_hosts": "c3",
            "isolated_images": isolated_image,
            "restrict_isolated_hosts_to_isolated_images": False,
        },
    }
    with clouds.running(engines, directory, images, computes=HOSTS, options=options) as running:
        yield running


@pytest.fixture(scope="module")
def catalog(cloud, images) -> dict[str, str]:
    return make_catalog(cloud, images)


@pytest.fixture
def aggregate(cloud) -> Iterator:
    """``add(hosts, **metadata)`` an aggregate; it is removed at the end."""
    made = []

    def add(hosts: tuple[str, ...], **metadata: str) -> str:
        """Return the path of the aggregate."""
        body = {"aggregate": {"name": f"a{len(made)}"}}
        path = f"/os-aggregates/{cloud.admin.post('/os-aggregates', body)['aggregate']['id']}"
        made.append((path, hosts))
        for host in hosts:
            cloud.admin.post(f"{path}/action", {"add_host": {"host": host}})
        cloud.admin.post(f"{path}/action", {"set_metadata": {"metadata": metadata}})
        return path

    yield add
    for path, hosts in made:
        for host in hosts:
            cloud.admin.post(f"{path}/action", {"remove_host": {"host": host}})
        cloud.admin.delete(path, 200)


@pytest.fixture
def flavor(cloud) -> Iterator:
    """``add(**extra_specs)`` a flavor; it is removed at the end."""
    made = []

    def add(extra_specs: dict[str, str]) -> str:
        name = f"f{len(made)}"
        body = {"name": name, "id": name, "vcpus": 1, "ram": 64, "disk": 1}
        cloud.admin.post("/flavors", {"flavor": body})
        made.append(name)
        cloud.admin.post(f"/flavors/{name}/os-extra_specs", {"extra_specs": extra_specs})
        return name

    yield add
    for name in made:
        cloud.admin.delete(f"/flavors/{name}", 202)


def hosts_of(project: Project, count: int, **fields) -> list[str]:
    """Create so many servers with one request. Return their hosts."""
    for server_id in project.servers():
        project.user.delete(f"/servers/{server_id}")
        project.user.wait_gone(server_id)
    project.create(min_count=count, max_count=count, **fields)
    servers = project.servers()
    assert len(servers) == count
    for server_id in servers:
        project.user.wait_for(server_id, "ACTIVE")
    return [project.host_of(server_id) for server_id in servers]


def fault_of(project: Project, **fields) -> str:
    return project.user.wait_for(project.create(**fields), "ERROR")["fault"]["message"]


def test_a_flavor_asks_for_metadata_of_aggregates(project, aggregate, flavor):
    path = aggregate(("c1", "c2"), disk="ssd, nvme")
    nvme = flavor({"aggregate_instance_extra_specs:disk": "nvme"})
    assert set(hosts_of(project, 4, flavorRef=nvme)) == {"c1", "c2"}
    changed = {"set_metadata": {"metadata": {"disk": "hdd"}}}
    project.admin.post(f"{path}/action", changed)
    assert fault_of(project, flavorRef=nvme).startswith("No valid host was found.")


def test_an_aggregate_is_for_one_project(project, aggregate):
    aggregate(("c1", "c2"), filter_tenant_id=project.id)
    aggregate(("c3",), filter_tenant_id="another")
    assert set(hosts_of(project, 3)) == {"c1", "c2"}


def test_an_aggregate_is_for_images_with_a_property(project, aggregate, images):
    aggregate(("c1",), os_distro="windows")
    aggregate(("c2",), os_distro="debian")
    debian, windows = images.add(os_distro="debian"), images.add(os_distro="windows")
    assert set(hosts_of(project, 4, imageRef=debian)) == {"c2", "c3"}
    on_c2 = next(each for each in project.servers() if project.host_of(each) == "c2")
    message = project.user.refusal(
        400, "POST", f"/servers/{on_c2}/action", {"rebuild": {"imageRef": windows}}
    )
    assert "may not run on the server's host" in message


def test_an_image_has_hosts_of_its_own(project, isolated_image):
    assert hosts_of(project, 2, imageRef=isolated_image) == ["c3", "c3"]


def test_a_host_has_a_limited_number_of_servers(project, aggregate):
    aggregate(HOSTS, max_instances_per_host="2")
    aggregate(("c1",), max_instances_per_host="1")
    assert sorted(hosts_of(project, 5)) == ["c1", "c2", "c2", "c3", "c3"]
    assert fault_of(project).startswith("No valid host was found.")


def test_a_host_builds_a_limited_number_of_servers_at_once(project, aggregate):
    """All servers of one request are placed before the first of them is built. Without the limit
    they would all be on c1."""
    aggregate(HOSTS, max_io_ops_per_host="2")
    aggregate(("c1",), ram_weight_multiplier="100", io_ops_weight_multiplier="0")
    aggregate(("c2",), max_io_ops_per_host="0")
    assert sorted(hosts_of(project, 4)) == ["c1", "c1", "c3", "c3"]


def test_an_aggregate_sets_the_multipliers_of_its_hosts(project, aggregate):
    aggregate(("c2",), ram_weight_multiplier="100", io_ops_weight_multiplier="0")
    assert hosts_of(project, 3) == ["c2", "c2", "c2"]


def test_an_aggregate_sets_the_allocation_ratios_of_its_hosts(cloud, project, aggregate):
    nodes = cloud.query("SELECT host, vcpus, cpu_allocation_ratio AS ratio FROM compute_nodes")
    limit = max(int(node["vcpus"] * node["ratio"]) for node in nodes)
    aggregate(("c2",), cpu_allocation_ratio="1000")
    large = {"name": "wide", "id": "wide", "vcpus": limit + 1, "ram": 64, "disk": 1}
    cloud.admin.post("/flavors", {"flavor": large})
    cloud.admin.put(f"/os-quota-sets/{project.id}", {"quota_set": {"cores": -1}})
    assert hosts_of(project, 2, flavorRef="wide") == ["c2", "c2"]


# -- scheduler hints -----------------------------------------------------------------------------


def test_a_query_selects_hosts(project):
    def boot(query: str, status: str) -> dict:
        hinted = {**project.server(), "os:scheduler_hints": {"query": query}}
        server_id = project.user.post("/servers", hinted, 202)["server"]["id"]
        return project.user.wait_for(server_id, status)

    query = '["and", ["in", "$host", "c1", "c2"], ["not", ["=", "$nodename", "c1"]]]'
    assert project.host_of(boot(query, "ACTIVE")["id"]) == "c2"
    nowhere = boot('[">", "$free_ram_mb", 999999999]', "ERROR")
    assert nowhere["fault"]["message"].startswith("No valid host was found.")


def test_a_hint_whose_filter_is_not_enabled_is_refused(project):
    hinted = {**project.server(), "os:scheduler_hints": {"same_host": project.boot()}}
    assert "SameHostFilter is not enabled" in project.user.refusal(400, "POST", "/servers", hinted)


# -- traits --------------------------------------------------------------------------------------


def test_a_flavor_requires_or_forbids_a_trait(project, flavor):
    gold = flavor({"trait:CUSTOM_GOLD": "required", "trait:COMPUTE_NODE": "required"})
    assert hosts_of(project, 3, flavorRef=gold) == ["c2", "c2", "c2"]
    plain = flavor({"trait:CUSTOM_GOLD": "forbidden", "trait:CUSTOM_SSD": "required"})
    assert set(hosts_of(project, 3, flavorRef=plain)) == {"c1", "c3"}
    nowhere = flavor({"trait:HW_CPU_X86_AVX2": "required"})
    assert fault_of(project, flavorRef=nowhere).startswith("No valid host was found.")
    path, unknown = f"/flavors/{plain}/os-extra_specs", {"trait:GOLD": "required"}
    told = project.admin.refusal(400, "POST", path, {"extra_specs": unknown})
    assert "'trait:GOLD' does not appear to be a valid extra spec" in told


def test_an_image_requires_a_trait(project, aggregate, images):
    """Also for an unshelve, and for a rebuild on the host where the server is."""
    gold = images.add(**{"trait:CUSTOM_GOLD": "required"})
    assert hosts_of(project, 1, imageRef=gold) == ["c2"]
    (server_id,) = project.servers()
    project.user.act(server_id, "shelve")
    project.user.wait_for(server_id, "SHELVED_OFFLOADED")
    aggregate(("c1",), ram_weight_multiplier="100")
    project.user.act(server_id, "unshelve")
    project.user.wait_for(server_id, "ACTIVE")
    assert project.host_of(server_id) == "c2"
    assert hosts_of(project, 1) == ["c1"], "which is where a server without the trait goes"
    (server_id,) = project.servers()
    path = f"/servers/{server_id}/action"
    told = project.user.refusal(400, "POST", path, {"rebuild": {"imageRef": gold}})
    assert "requires traits" in told


def test_a_malformed_trait_of_an_image_is_refused(project, images):
    image = images.add(**{"trait:CUSTOM_GOLD": "maybe"})
    told = project.user.refusal(400, "POST", "/servers", project.server(imageRef=image))
    assert "trait:CUSTOM_GOLD=maybe" in told
    unknown = images.add(**{"trait:GOLD": "forbidden"})
    assert "image property trait:GOLD=forbidden" in fault_of(project, imageRef=unknown)
