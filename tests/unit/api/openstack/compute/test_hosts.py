"""Services, hypervisors, aggregates and availability zones."""

import datetime
import json
import uuid

import pytest

from nova_mini import db
from nova_mini.clock import utcnow
from nova_mini.context import get_admin_context
from nova_mini.objects.service import Service
from tests.unit.api.openstack.compute.conftest import make_host
from tests.unit.conftest import ADMIN

UNKNOWN = "7f0e4b0e-5f4c-4f0e-9c1c-0b8c5c3f7a11"


@pytest.fixture
def hosts(api):
    for host in ("h1", "h2"):
        make_host(host)
    Service.start(get_admin_context(), "c1", "nova-mini-conductor", "conductor", str(uuid.uuid4()))


def service_of(api, host, version="2.96"):
    found = api.get(f"/os-services?host={host}", token=ADMIN, version=version).json["services"]
    assert len(found) == 1
    return found[0]


def silence(host):
    services = db.models.services
    then = utcnow() - datetime.timedelta(hours=1)
    db.query.update(services, {"last_seen_up": then}, services.c.host == host)


class TestServices:
    pytestmark = pytest.mark.usefixtures("hosts")

    def test_list_services(self, api):
        found = api.get("/os-services", token=ADMIN, version="2.96").json["services"]
        shown = {(s["binary"], s["host"], s["zone"], s["status"], s["state"]) for s in found}
        assert shown == {
            ("nova-compute", "h1", "nova", "enabled", "up"),
            ("nova-compute", "h2", "nova", "enabled", "up"),
            ("nova-conductor", "c1", "internal", "enabled", "up"),
        }

    @pytest.mark.parametrize("binary", ["nova-conductor", "nova-mini-conductor"])
    def test_filter_services(self, api, binary):
        found = api.get(f"/os-services?binary={binary}", token=ADMIN).json["services"]
        assert [service["host"] for service in found] == ["c1"]

    def test_service_without_heartbeat_is_down(self, api):
        silence("h1")
        assert service_of(api, "h1")["state"] == "down"

    @pytest.mark.parametrize(
        ("version", "kind", "has_forced_down"),
        [("2.10", int, False), ("2.52", int, True), ("2.53", str, True)],
    )
    def test_service_fields_by_version(self, api, version, kind, has_forced_down):
        service = service_of(api, "h1", version)
        assert isinstance(service["id"], kind)
        assert ("forced_down" in service) == has_forced_down

    def test_disable_and_enable_service(self, api):
        path = f"/os-services/{service_of(api, 'h1')['id']}"
        body = {"status": "disabled", "disabled_reason": "repair"}
        response = api.put(path, body, token=ADMIN, version="2.53")
        shown = response.json["service"]
        assert (shown["status"], shown["disabled_reason"]) == ("disabled", "repair")
        api.put(path, {"status": "enabled"}, token=ADMIN, version="2.53")
        shown = service_of(api, "h1")
        assert (shown["status"], shown["disabled_reason"]) == ("enabled", None)

    def test_force_service_down(self, api):
        path = f"/os-services/{service_of(api, 'h1')['id']}"
        response = api.put(path, {"forced_down": True}, token=ADMIN, version="2.53")
        assert (response.json["service"]["state"], response.json["service"]["forced_down"]) == (
            "down",
            True,
        )
        api.put(path, {"forced_down": "false"}, token=ADMIN, version="2.53")
        assert service_of(api, "h1")["state"] == "up"

    @pytest.mark.parametrize(
        "body",
        [
            {},
            {"status": "off"},
            {"disabled_reason": "why"},
            {"forced_down": 1},
            {"colour": "red"},
            {"status": "enabled", "disabled_reason": "why"},
        ],
    )
    def test_invalid_service_updates_are_refused(self, api, body):
        path = f"/os-services/{service_of(api, 'h1')['id']}"
        assert api.put(path, body, token=ADMIN, version="2.53").status_int == 400

    def test_only_compute_services_are_updated(self, api):
        path = f"/os-services/{service_of(api, 'c1')['id']}"
        response = api.put(path, {"status": "disabled"}, token=ADMIN, version="2.53")
        assert response.status_int == 400
        assert "nova-conductor" in response.json["badRequest"]["message"]

    def test_unknown_service_is_404(self, api):
        for version, path in (("2.53", UNKNOWN), ("2.53", "1"), ("2.1", "999")):
            path = f"/os-services/{path}"
            assert api.delete(path, token=ADMIN, version=version).status_int == 404
        assert api.delete("/os-services/x", token=ADMIN).status_int == 400

    def test_service_updates_before_2_53(self, api):
        which = {"host": "h1", "binary": "nova-compute"}

        def put(path, version="2.11", **more):
            return api.put(f"/os-services/{path}", {**which, **more}, token=ADMIN, version=version)

        assert put("disable").json == {"service": {**which, "status": "disabled"}}
        assert put("disable-log-reason", disabled_reason="repair").json == {
            "service": {**which, "status": "disabled", "disabled_reason": "repair"}
        }
        assert put("enable").json == {"service": {**which, "status": "enabled"}}
        assert put("force-down", forced_down=True).json == {
            "service": {**which, "forced_down": True}
        }
        assert put("force-down", version="2.10", forced_down=True).status_int == 404
        assert put("enable", version="2.53").status_int in (400, 404)
        assert put("enable", host="nowhere").status_int == 404

    def test_delete_service_and_its_records(self, api):
        made = api.post("/os-aggregates", {"aggregate": {"name": "a"}}, token=ADMIN)
        aggregate = f"/os-aggregates/{made.json['aggregate']['id']}"
        api.post(f"{aggregate}/action", {"add_host": {"host": "h1"}}, token=ADMIN)
        path = f"/os-services/{service_of(api, 'h1')['id']}"
        assert api.delete(path, token=ADMIN, version="2.53").status_int == 204
        assert api.get(aggregate, token=ADMIN).json["aggregate"]["hosts"] == []
        left = api.get("/os-hypervisors", token=ADMIN).json["hypervisors"]
        assert [each["hypervisor_hostname"] for each in left] == ["h2"]

    def test_service_with_servers_is_not_deleted(self, cloud, api):
        cloud.boot()
        path = f"/os-services/{service_of(api, 'host1')['id']}"
        assert api.delete(path, token=ADMIN, version="2.53").status_int == 409

    def test_services_are_for_administrators(self, api):
        assert api.get("/os-services").status_int == 403
        assert api.delete(f"/os-services/{UNKNOWN}", version="2.53").status_int == 403


class TestHypervisors:
    pytestmark = pytest.mark.usefixtures("hosts")

    def all(self, api, path="/os-hypervisors", version="2.96"):
        return api.get(path, token=ADMIN, version=version).json["hypervisors"]

    def test_list_hypervisors(self, api):
        first, second = self.all(api)
        assert first.keys() == {"id", "hypervisor_hostname", "state", "status"}
        assert (first["state"], first["status"]) == ("up", "enabled")
        assert second["hypervisor_hostname"] == "h2"

    def test_list_hypervisors_with_details(self, api):
        nodes = db.models.compute_nodes
        db.query.update(
            nodes,
            {
                "memory_mb_used": 1000,
                "reserved_memory_mb": 24,
                "local_gb_used": 10,
                "cpu_info": {"arch": "x86_64"},
            },
            nodes.c.host == "h1",
        )
        shown = self.all(api, "/os-hypervisors/detail", "2.87")[0]
        assert (shown["memory_mb"], shown["memory_mb_used"], shown["free_ram_mb"]) == (
            8192,
            1024,
            7168,
        )
        assert shown["free_disk_gb"] == 90
        assert shown["cpu_info"] == {"arch": "x86_64"}
        assert shown["service"]["host"] == "h1"
        before = self.all(api, "/os-hypervisors/detail", "2.27")[0]
        assert json.loads(before["cpu_info"]) == {"arch": "x86_64"}

    def test_hypervisor_has_no_resources_since_2_88(self, api):
        shown = self.all(api, "/os-hypervisors/detail", "2.88")[0]
        assert "uptime" in shown
        assert not {"memory_mb", "vcpus", "cpu_info", "running_vms"} & shown.keys()

    @pytest.mark.parametrize("version", ["2.1", "2.52", "2.53", "2.96"])
    def test_show_hypervisor(self, api, version):
        listed = self.all(api, version=version)[0]
        response = api.get(f"/os-hypervisors/{listed['id']}", token=ADMIN, version=version)
        assert response.json["hypervisor"]["hypervisor_hostname"] == "h1"

    @pytest.mark.parametrize(
        ("version", "key"), [("2.1", "999"), ("2.1", "x"), ("2.53", "1"), ("2.53", UNKNOWN)]
    )
    def test_unknown_hypervisor_is_404(self, api, version, key):
        path = f"/os-hypervisors/{key}"
        assert api.get(path, token=ADMIN, version=version).status_int == 404

    def test_hypervisor_of_a_host_that_is_down(self, api):
        silence("h1")
        assert self.all(api)[0]["state"] == "down"
        key = self.all(api, version="2.1")[0]["id"]
        assert api.get(f"/os-hypervisors/{key}/uptime", token=ADMIN).status_int == 400
        shown = self.all(api, "/os-hypervisors/detail", "2.88")[0]
        assert shown["uptime"] is None

    def test_uptime_of_a_hypervisor_that_reports_none(self, api):
        key = self.all(api, version="2.1")[0]["id"]
        response = api.get(f"/os-hypervisors/{key}/uptime", token=ADMIN)
        assert response.status_int == 501
        assert "uptime" in response.json["notImplemented"]["message"]

    def test_uptime_of_a_hypervisor(self, api):
        nodes = db.models.compute_nodes
        db.query.update(nodes, {"uptime": "up 3 days"}, nodes.c.host == "h1")
        key = self.all(api, version="2.1")[0]["id"]
        shown = api.get(f"/os-hypervisors/{key}/uptime", token=ADMIN).json["hypervisor"]
        assert shown["uptime"] == "up 3 days"
        assert (
            api.get(f"/os-hypervisors/{key}/uptime", token=ADMIN, version="2.88").status_int == 404
        )

    def test_hypervisor_statistics(self, api):
        path = f"/os-services/{service_of(api, 'h2')['id']}"
        response = api.get("/os-hypervisors/statistics", token=ADMIN)
        assert response.json["hypervisor_statistics"]["memory_mb"] == 2 * 8192
        api.put(path, {"status": "disabled"}, token=ADMIN, version="2.53")
        shown = api.get("/os-hypervisors/statistics", token=ADMIN).json["hypervisor_statistics"]
        assert (shown["count"], shown["memory_mb"], shown["free_disk_gb"]) == (1, 8192, 100)

    def test_pagination_of_hypervisors(self, api):
        page = api.get("/os-hypervisors?limit=1", token=ADMIN, version="2.33")
        assert [each["hypervisor_hostname"] for each in page.json["hypervisors"]] == ["h1"]
        path = page.json["hypervisors_links"][0]["href"].removeprefix("http://localhost/v2.1")
        assert [e["hypervisor_hostname"] for e in self.all(api, path, "2.33")] == ["h2"]
        for version in ("2.33", "2.53"):
            path = "/os-hypervisors?marker=nope"
            assert api.get(path, token=ADMIN, version=version).status_int == 400

    def test_search_hypervisors_by_name(self, api):
        path = "/os-hypervisors?hypervisor_hostname_pattern="
        assert [e["hypervisor_hostname"] for e in self.all(api, path + "2")] == ["h2"]
        for query, code in (("nope", 404), ("_", 404), ("h&limit=1", 400), ("%25", 400)):
            assert api.get(path + query, token=ADMIN, version="2.53").status_int == code
        assert [
            e["hypervisor_hostname"] for e in self.all(api, "/os-hypervisors/2/search", "2.1")
        ] == ["h2"]
        assert api.get("/os-hypervisors/nope/search", token=ADMIN).status_int == 404

    def test_servers_of_hypervisors(self, cloud, api):
        server_id = cloud.boot()
        path = "/os-hypervisors?with_servers=1"
        shown = {e["hypervisor_hostname"]: e.get("servers") for e in self.all(api, path, "2.53")}
        assert shown["h1"] is None
        assert shown["host1"] == [{"name": "instance-00000001", "uuid": server_id}]
        shown = {e["hypervisor_hostname"]: e.get("servers") for e in self.all(api, path, "2.75")}
        assert shown["h1"] == []
        found = self.all(api, "/os-hypervisors/host1/servers", "2.1")
        assert found[0]["servers"][0]["uuid"] == server_id

    def test_hypervisors_are_for_administrators(self, api):
        for path in ("", "/detail", "/statistics", "/1"):
            assert api.get(f"/os-hypervisors{path}").status_int == 403


class TestAggregates:
    pytestmark = pytest.mark.usefixtures("hosts")

    def make(self, api, name="agg", **fields):
        response = api.post("/os-aggregates", {"aggregate": {"name": name, **fields}}, token=ADMIN)
        assert response.status_int == 200, response.text
        return f"/os-aggregates/{response.json['aggregate']['id']}"

    def show(self, api, path, version="2.41"):
        return api.get(path, token=ADMIN, version=version).json["aggregate"]

    def act(self, api, path, action, **args):
        return api.post(f"{path}/action", {action: args}, token=ADMIN)

    def test_create_aggregate(self, api):
        response = api.post("/os-aggregates", {"aggregate": {"name": "agg"}}, token=ADMIN)
        assert not {"hosts", "metadata", "uuid"} & response.json["aggregate"].keys()
        path = f"/os-aggregates/{response.json['aggregate']['id']}"
        shown = self.show(api, path)
        assert (shown["hosts"], shown["metadata"], shown["availability_zone"]) == ([], {}, None)
        assert "uuid" in shown
        assert "uuid" not in self.show(api, path, "2.40")
        listed = api.get("/os-aggregates", token=ADMIN, version="2.41").json["aggregates"]
        assert listed == [shown]

    def test_create_aggregate_with_zone(self, api):
        path = self.make(api, availability_zone="west")
        shown = self.show(api, path)
        assert shown["availability_zone"] == "west"
        assert shown["metadata"] == {"availability_zone": "west"}

    def test_duplicate_aggregate_name_is_409(self, api):
        self.make(api)
        body = {"aggregate": {"name": "agg"}}
        assert api.post("/os-aggregates", body, token=ADMIN).status_int == 409
        other = self.make(api, "other")
        assert api.put(other, body, token=ADMIN).status_int == 409

    @pytest.mark.parametrize(
        "fields",
        [
            {},
            {"name": ""},
            {"name": "x" * 256},
            {"name": " x"},
            {"name": "a", "availability_zone": "a:b"},
            {"name": "a", "availability_zone": ""},
            {"name": "a", "hosts": []},
        ],
    )
    def test_invalid_aggregates_are_refused(self, api, fields):
        response = api.post("/os-aggregates", {"aggregate": fields}, token=ADMIN)
        assert response.status_int == 400

    @pytest.mark.parametrize("key", ["999", "x", "-1", "99999999999999"])
    def test_unknown_aggregate_is_404(self, api, key):
        path = f"/os-aggregates/{key}"
        assert api.get(path, token=ADMIN).status_int == 404
        assert api.delete(path, token=ADMIN).status_int == 404
        assert self.act(api, path, "add_host", host="h1").status_int == 404

    def test_add_and_remove_hosts(self, api):
        path = self.make(api)
        assert self.act(api, path, "add_host", host="h2").json["aggregate"]["hosts"] == ["h2"]
        self.act(api, path, "add_host", host="h1")
        assert self.show(api, path)["hosts"] == ["h1", "h2"]
        assert self.act(api, path, "add_host", host="h1").status_int == 409
        assert self.act(api, path, "add_host", host="nowhere").status_int == 404
        assert api.delete(path, token=ADMIN).status_int == 409
        assert self.act(api, path, "remove_host", host="h2").json["aggregate"]["hosts"] == ["h1"]
        assert self.act(api, path, "remove_host", host="h2").status_int == 404
        self.act(api, path, "remove_host", host="h1")
        assert api.delete(path, token=ADMIN).status_int == 200
        assert api.get(path, token=ADMIN).status_int == 404

    def test_aggregate_metadata(self, api):
        path = self.make(api)
        self.act(api, path, "set_metadata", metadata={"a": "1", "b": "2"})
        shown = self.act(api, path, "set_metadata", metadata={"a": None, "c": "3"})
        assert shown.json["aggregate"]["metadata"] == {"b": "2", "c": "3"}
        assert self.act(api, path, "set_metadata", metadata={"a": 1}).status_int == 400

    def test_update_aggregate(self, api):
        path = self.make(api)
        body = {"aggregate": {"name": "new", "availability_zone": "east"}}
        shown = api.put(path, body, token=ADMIN).json["aggregate"]
        assert (shown["name"], shown["availability_zone"]) == ("new", "east")
        shown = api.put(path, {"aggregate": {"availability_zone": None}}, token=ADMIN)
        assert shown.json["aggregate"]["availability_zone"] is None
        assert api.put(path, {"aggregate": {}}, token=ADMIN).status_int == 400

    def test_host_is_in_one_zone(self, api):
        west = self.make(api, "w", availability_zone="west")
        east = self.make(api, "e", availability_zone="east")
        plain = self.make(api, "p")
        assert self.act(api, west, "add_host", host="h1").status_int == 200
        assert self.act(api, plain, "add_host", host="h1").status_int == 200
        response = self.act(api, east, "add_host", host="h1")
        assert response.status_int == 409
        assert "west" in response.json["conflictingRequest"]["message"]
        body = {"aggregate": {"availability_zone": "east"}}
        assert api.put(plain, body, token=ADMIN).status_int == 409

    def test_zone_with_servers_keeps_its_name(self, cloud, api):
        path = self.make(api, availability_zone="west")
        assert self.act(api, path, "add_host", host="host1").status_int == 200
        cloud.boot(availability_zone="west")
        body = {"aggregate": {"availability_zone": "east"}}
        assert api.put(path, body, token=ADMIN).status_int == 409
        assert self.act(api, path, "remove_host", host="host1").status_int == 409

    def test_aggregates_are_for_administrators(self, api):
        path = self.make(api)
        assert api.get("/os-aggregates").status_int == 403
        assert api.get(path).status_int == 403
        assert api.delete(path).status_int == 403
        assert api.post(f"{path}/action", {"add_host": {"host": "h1"}}).status_int == 403


class TestZones:
    pytestmark = pytest.mark.usefixtures("hosts")

    def test_list_availability_zones(self, api):
        make = TestAggregates()
        west = make.make(api, availability_zone="west")
        make.act(api, west, "add_host", host="h1")
        assert api.get("/os-availability-zone").json == {
            "availabilityZoneInfo": [
                {"zoneName": "nova", "zoneState": {"available": True}, "hosts": None},
                {"zoneName": "west", "zoneState": {"available": True}, "hosts": None},
            ]
        }

    def test_zone_with_disabled_hosts_is_not_available(self, api):
        for host in ("h1", "h2"):
            path = f"/os-services/{service_of(api, host)['id']}"
            api.put(path, {"status": "disabled"}, token=ADMIN, version="2.53")
        (zone,) = api.get("/os-availability-zone").json["availabilityZoneInfo"]
        assert zone["zoneState"] == {"available": False}

    def test_list_availability_zones_with_hosts(self, api):
        assert api.get("/os-availability-zone/detail").status_int == 403
        zones = {
            zone["zoneName"]: zone["hosts"]
            for zone in api.get("/os-availability-zone/detail", token=ADMIN).json[
                "availabilityZoneInfo"
            ]
        }
        assert zones.keys() == {"internal", "nova"}
        assert zones["nova"].keys() == {"h1", "h2"}
        service = zones["internal"]["c1"]["nova-conductor"]
        assert (service["available"], service["active"]) == (True, True)
