"""``/os-hosts``"""

import pytest

from nova_mini import db
from nova_mini.objects.service import Service
from tests.unit.api.openstack.compute.conftest import HOST, make_host
from tests.unit.conftest import ADMIN

FREE = "host2"


def test_hosts_of_enabled_services(cloud, admin_context):
    make_host(FREE)
    service = Service.get_by_host_and_binary(admin_context, FREE, "nova-mini-compute")
    Service.start(admin_context, "control", "nova-mini-conductor", "conductor", service.uuid)
    first = {"host_name": HOST, "service": "compute", "zone": "nova"}
    conductor = {"host_name": "control", "service": "conductor", "zone": "internal"}

    def hosts(query=""):
        return cloud.api.get(f"/os-hosts{query}", token=ADMIN).json["hosts"]

    assert [each for each in hosts() if each["host_name"] != FREE] == [first, conductor]
    assert len(hosts()) == 3
    assert hosts("?zone=internal") == [conductor]
    assert hosts("?zone=nowhere") == []
    service.disabled = True
    service.save()
    assert hosts() == [first, conductor]


def test_resources_of_a_host(cloud):
    cloud.boot()
    cloud.boot(token="other:other")
    (node,) = [n for n in db.compute_nodes.get_all() if n["host"] == HOST]
    shown = cloud.api.get(f"/os-hosts/{HOST}", token=ADMIN).json["host"]
    rows = {each["resource"].pop("project"): each["resource"] for each in shown}
    used = {"host": HOST, "cpu": 1, "memory_mb": 128, "disk_gb": 1}
    assert rows == {
        "(total)": {"host": HOST, "cpu": 8, "memory_mb": 8192, "disk_gb": 100},
        "(used_now)": {
            "host": HOST,
            "cpu": node["vcpus_used"],
            "memory_mb": node["memory_mb_used"],
            "disk_gb": node["local_gb_used"],
        },
        "(used_max)": {"host": HOST, "cpu": 2, "memory_mb": 256, "disk_gb": 2},
        "project": used,
        "other": used,
    }


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "", {"status": "enable"}),
        ("PUT", "", {"maintenance_mode": "disable"}),
        ("GET", "/startup", None),
        ("GET", "/shutdown", None),
        ("GET", "/reboot", None),
    ],
)
class TestActions:
    def act(self, cloud, host, method, path, body, token=ADMIN):
        return cloud.api.request(method, f"/os-hosts/{host}{path}", body, token=token).status_int

    def test_driver_cannot_do_it(self, cloud, method, path, body):
        assert self.act(cloud, HOST, method, path, body) == 501

    def test_unknown_host(self, cloud, method, path, body):
        assert self.act(cloud, "nobody", method, path, body) == 404

    def test_service_is_down(self, cloud, method, path, body, admin_context):
        service = Service.get_by_host_and_binary(admin_context, HOST, "nova-mini-compute")
        service.forced_down = True
        service.save()
        assert self.act(cloud, HOST, method, path, body) == 400

    def test_only_administrators(self, cloud, method, path, body):
        assert self.act(cloud, HOST, method, path, body, token="user:project") == 403


def test_reads_are_for_administrators(cloud):
    assert cloud.api.get("/os-hosts").status_int == 403
    assert cloud.api.get(f"/os-hosts/{HOST}").status_int == 403
    assert cloud.api.get("/os-hosts/nobody", token=ADMIN).status_int == 404


@pytest.mark.parametrize("body", [{}, {"status": "on"}, {"colour": "red"}, {"status": None}])
def test_invalid_update(cloud, body):
    assert cloud.api.put(f"/os-hosts/{HOST}", body, token=ADMIN).status_int == 400
