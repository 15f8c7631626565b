"""GET /servers/{id}: the properties by microversion, role and state."""

import pytest

from nova_mini import db
from nova_mini.objects.network_model import VIF, FixedIP, Network, NetworkInfo, Subnet
from nova_mini.states import task_states, vm_states
from tests.unit.api.openstack.compute.conftest import HOST, IMAGE
from tests.unit.conftest import ADMIN

NETWORK_INFO = NetworkInfo(
    [
        VIF(
            id="p1",
            address="fa:16:3e:00:00:01",
            network=Network(
                id="n1",
                label="private",
                subnets=[
                    Subnet(
                        cidr="10.0.0.0/24",
                        id="s1",
                        ips=[FixedIP("10.0.0.5", floating_ips=["192.0.2.9"])],
                    ),
                    Subnet(cidr="fd00::/64", id="s2", ips=[FixedIP("fd00::5", version=6)]),
                ],
            ),
            active=True,
            tag="nic",
            security_groups=["web", "default"],
        )
    ]
)
ALWAYS = {
    "id",
    "name",
    "status",
    "tenant_id",
    "user_id",
    "metadata",
    "hostId",
    "image",
    "flavor",
    "created",
    "updated",
    "addresses",
    "accessIPv4",
    "accessIPv6",
    "links",
    "OS-DCF:diskConfig",
    "progress",
    "key_name",
    "config_drive",
    "OS-EXT-AZ:availability_zone",
    "OS-EXT-STS:task_state",
    "OS-EXT-STS:vm_state",
    "OS-EXT-STS:power_state",
    "OS-SRV-USG:launched_at",
    "OS-SRV-USG:terminated_at",
    "os-extended-volumes:volumes_attached",
}
ATTRIBUTES = {
    f"OS-EXT-SRV-ATTR:{name}" for name in ("host", "hypervisor_hostname", "instance_name")
}
MORE_ATTRIBUTES = {
    f"OS-EXT-SRV-ATTR:{name}"
    for name in (
        "reservation_id",
        "launch_index",
        "hostname",
        "kernel_id",
        "ramdisk_id",
        "root_device_name",
        "user_data",
    )
}
ADDED = [
    ("2.9", {"locked"}),
    ("2.19", {"description"}),
    ("2.26", {"tags"}),
    ("2.63", {"trusted_image_certificates"}),
    ("2.71", {"server_groups"}),
    ("2.73", {"locked_reason"}),
    ("2.90", {"OS-EXT-SRV-ATTR:hostname"}),
    ("2.96", {"pinned_availability_zone"}),
]


def show(cloud, server_id, version="2.96", **kwargs) -> dict:
    response = cloud.api.get(f"/servers/{server_id}", version=version, **kwargs)
    assert response.status_int == 200, response.text
    return response.json["server"]


def before(version: str) -> str:
    major, minor = version.split(".")
    return f"{major}.{int(minor) - 1}"


def test_server_fields_of_2_1(cloud):
    assert set(show(cloud, cloud.boot(), "2.1")) == ALWAYS


def test_each_version_adds_its_fields(cloud):
    server_id = cloud.boot()
    for version, fields in ADDED:
        added = set(show(cloud, server_id, version)) - set(show(cloud, server_id, before(version)))
        assert added == fields, version


def test_administrators_see_host_and_name(cloud):
    server_id = cloud.boot()
    assert set(show(cloud, server_id, "2.1", token=ADMIN)) == ALWAYS | ATTRIBUTES
    seen = show(cloud, server_id, "2.3", token=ADMIN)
    assert set(seen) == ALWAYS | ATTRIBUTES | MORE_ATTRIBUTES
    assert seen["OS-EXT-SRV-ATTR:host"] == HOST
    assert seen["OS-EXT-SRV-ATTR:instance_name"] == "instance-00000001"


def test_host_status_is_that_of_the_compute_service(cloud):
    server_id = cloud.boot()
    services = db.models.services

    def status_when(**columns):
        db.query.update(services, columns, services.c.host == HOST)
        return show(cloud, server_id, "2.16", token=ADMIN)["host_status"]

    assert "host_status" not in show(cloud, server_id, "2.16")
    assert status_when() == "UP"
    assert status_when(available=False) == "UNKNOWN"
    assert status_when(disabled=True) == "MAINTENANCE"
    assert status_when(forced_down=True) == "DOWN"
    cloud.set(server_id, host=None)
    assert show(cloud, server_id, "2.16", token=ADMIN)["host_status"] == ""


def test_flavor_and_image_of_a_server(cloud):
    server_id = cloud.boot()
    old = show(cloud, server_id, "2.46")
    assert old["flavor"] == {
        "id": "1",
        "links": [{"rel": "bookmark", "href": "http://localhost/flavors/1"}],
    }
    assert show(cloud, server_id, "2.47")["flavor"] == {
        "vcpus": 1,
        "ram": 128,
        "disk": 1,
        "ephemeral": 0,
        "swap": 0,
        "original_name": "flavor 1",
        "extra_specs": {"hw:x": "y"},
    }
    assert old["image"]["id"] == IMAGE
    cloud.set(server_id, image_ref="")
    assert show(cloud, server_id)["image"] == ""


def test_links_of_a_server(cloud):
    server_id = cloud.boot()
    hrefs = [link["href"] for link in show(cloud, server_id)["links"]]
    assert hrefs == [
        f"http://localhost/v2.1/servers/{server_id}",
        f"http://localhost/servers/{server_id}",
    ]


def test_addresses_and_security_groups(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, network_info=NETWORK_INFO.to_json())
    server = show(cloud, server_id)
    mac = {"OS-EXT-IPS-MAC:mac_addr": "fa:16:3e:00:00:01"}
    fixed, floating = {"OS-EXT-IPS:type": "fixed"}, {"OS-EXT-IPS:type": "floating"}
    assert server["addresses"] == {
        "private": [
            {"version": 4, "addr": "10.0.0.5", **fixed, **mac},
            {"version": 6, "addr": "fd00::5", **fixed, **mac},
            {"version": 4, "addr": "192.0.2.9", **floating, **mac},
        ]
    }
    assert server["security_groups"] == [{"name": "web"}, {"name": "default"}]


def test_server_ips(cloud):
    server_id = cloud.boot()
    cloud.set(server_id, network_info=NETWORK_INFO.to_json())
    private = [
        {"version": 4, "addr": "10.0.0.5"},
        {"version": 6, "addr": "fd00::5"},
        {"version": 4, "addr": "192.0.2.9"},
    ]
    assert cloud.api.get(f"/servers/{server_id}/ips").json == {"addresses": {"private": private}}
    assert cloud.api.get(f"/servers/{server_id}/ips/private").json == {"private": private}
    assert cloud.api.get(f"/servers/{server_id}/ips/public").status_int == 404


def test_times_of_a_server(cloud):
    server_id = cloud.boot()
    server = show(cloud, server_id)
    assert server["created"].endswith("Z")
    assert len(server["created"]) == len("2026-01-31T12:00:00Z")
    assert len(server["OS-SRV-USG:launched_at"]) == len("2026-01-31T12:00:00.000000")


@pytest.mark.parametrize(
    ("vm_state", "task_state", "status"),
    [
        (vm_states.BUILDING, task_states.SPAWNING, "BUILD"),
        (vm_states.ACTIVE, None, "ACTIVE"),
        (vm_states.ACTIVE, task_states.REBOOT_STARTED, "REBOOT"),
        (vm_states.ACTIVE, task_states.REBOOT_PENDING_HARD, "HARD_REBOOT"),
        (vm_states.ACTIVE, task_states.REBUILD_SPAWNING, "REBUILD"),
        (vm_states.ACTIVE, task_states.POWERING_OFF, "ACTIVE"),
        (vm_states.ACTIVE, task_states.DELETING, "ACTIVE"),
        (vm_states.ACTIVE, task_states.RESIZE_PREP, "RESIZE"),
        (vm_states.ACTIVE, task_states.RESIZE_MIGRATING, "RESIZE"),
        (vm_states.ACTIVE, task_states.RESIZE_MIGRATED, "RESIZE"),
        (vm_states.ACTIVE, task_states.RESIZE_FINISH, "RESIZE"),
        (vm_states.ACTIVE, task_states.MIGRATING, "MIGRATING"),
        (vm_states.STOPPED, None, "SHUTOFF"),
        (vm_states.STOPPED, task_states.REBUILDING, "REBUILD"),
        (vm_states.STOPPED, task_states.RESIZE_FINISH, "RESIZE"),
        (vm_states.STOPPED, task_states.MIGRATING, "SHUTOFF"),
        (vm_states.RESIZED, None, "VERIFY_RESIZE"),
        (vm_states.RESIZED, task_states.RESIZE_CONFIRMING, "VERIFY_RESIZE"),
        (vm_states.RESIZED, task_states.RESIZE_REVERTING, "REVERT_RESIZE"),
        (vm_states.PAUSED, None, "PAUSED"),
        (vm_states.PAUSED, task_states.MIGRATING, "MIGRATING"),
        (vm_states.SUSPENDED, None, "SUSPENDED"),
        (vm_states.ERROR, None, "ERROR"),
    ],
)
def test_status_by_vm_state_and_task_state(cloud, vm_state, task_state, status):
    server_id = cloud.boot()
    cloud.set(server_id, vm_state=vm_state, task_state=task_state)
    server = show(cloud, server_id)
    assert server["status"] == status
    with_progress = {"ACTIVE", "BUILD", "REBUILD", "RESIZE", "VERIFY_RESIZE", "MIGRATING"}
    assert ("progress" in server) == (status in with_progress)


def test_fault_of_a_server(cloud):
    server_id = cloud.boot()
    fault = {"instance_uuid": server_id, "code": 500, "message": "boom", "details": "Traceback"}
    db.instance_faults.add_fault({**fault, "message": "older"})
    db.instance_faults.add_fault(fault)
    assert "fault" not in show(cloud, server_id)
    cloud.set(server_id, vm_state="error")
    shown = show(cloud, server_id)["fault"]
    assert (shown["code"], shown["message"]) == (500, "boom")
    assert "details" not in shown
    assert show(cloud, server_id, token=ADMIN)["fault"]["details"] == "Traceback"
    db.instance_faults.add_fault(
        {**fault, "code": 400}
    )  # the cause of a refusal may be internal, too
    assert "details" not in show(cloud, server_id)["fault"]


def test_another_projects_server_is_404(cloud):
    server_id = cloud.boot()
    response = cloud.api.get(f"/servers/{server_id}", token="u:other")
    assert response.status_int == 404
    assert response.json["itemNotFound"]["message"] == f"Instance {server_id} could not be found."
    assert show(cloud, server_id, token=ADMIN)["id"] == server_id


def test_deleted_server_is_404(cloud):
    server_id = cloud.boot()
    db.instance_deletion.destroy(server_id)
    assert cloud.api.get(f"/servers/{server_id}", token=ADMIN).status_int == 404


def test_volumes_of_a_server(cloud):
    server_id = cloud.boot()
    db.block_device_mappings.create(
        {
            "uuid": "b1",
            "instance_uuid": server_id,
            "source_type": "volume",
            "destination_type": "volume",
            "volume_id": IMAGE,
            "delete_on_termination": True,
        }
    )
    key = "os-extended-volumes:volumes_attached"
    assert show(cloud, server_id, "2.2")[key] == [{"id": IMAGE}]
    assert show(cloud, server_id, "2.3")[key] == [{"id": IMAGE, "delete_on_termination": True}]
