"""Guest options that no host supports are refused at create, rebuild and scheduling."""

import logging

import pytest

from nova_mini import db, exception
from nova_mini.compute.requests.rebuild_request import RebuildRequest
from nova_mini.compute.requests.server_request import ServerRequest
from tests.unit.api.openstack.compute.conftest import IMAGE, OTHER_IMAGE, make_flavor


def server_request(extra_specs, **fields) -> ServerRequest:
    flavor = make_flavor(flavorid="special", extra_specs=extra_specs)
    return ServerRequest(
        display_name="s",
        flavor=flavor,
        image_ref=IMAGE,
        admin_password="p",
        requested_networks="none",
        **fields,
    )


def test_fault_and_log_name_the_unsupported_key(cloud, glance, caplog):
    caplog.set_level(logging.INFO, "nova_mini")
    (instance,) = cloud.api.create(cloud.context, server_request({"hw:locked_memory": "yes"}))
    cloud.deliver()
    assert cloud.instance(instance.uuid).vm_state == "error"
    (fault,) = db.instance_faults.get_latest_faults([instance.uuid]).values()
    assert fault["message"].startswith("No valid host was found. ")
    assert "extra spec hw:locked_memory=yes (locked memory is not supported)" in fault["message"]
    (line,) = [record for record in caplog.records if instance.uuid in record.getMessage()]
    assert "hw:locked_memory=yes" in line.getMessage()
    assert "\n" not in line.getMessage() and line.exc_info is None


def test_only_the_log_has_the_numbers_of_hosts(cloud, glance, caplog):
    caplog.set_level(logging.INFO, "nova_mini")
    nodes = db.models.compute_nodes
    db.query.update(nodes, {"vcpus_used": 10**6}, nodes.c.id > 0)
    (instance,) = cloud.api.create(cloud.context, server_request({}))
    cloud.deliver()
    (fault,) = db.instance_faults.get_latest_faults([instance.uuid]).values()
    assert fault["message"] == "No valid host was found. There are not enough hosts available."
    assert "0 after room" in fault["details"]
    (line,) = [record for record in caplog.records if instance.uuid in record.getMessage()]
    assert "0 after room" in line.getMessage() and "\n" not in line.getMessage()


def test_an_image_property_that_no_host_supports(cloud, glance):
    glance.images[IMAGE]["hw_viommu_model"] = "auto"
    (instance,) = cloud.api.create(cloud.context, server_request({}))
    cloud.deliver()
    (fault,) = db.instance_faults.get_latest_faults([instance.uuid]).values()
    assert "image property hw_viommu_model=auto" in fault["message"]


def test_an_image_property_of_a_boot_volume(cloud, glance):
    volume = cloud.cinder.add_volume(size=2)
    cloud.cinder.volumes[volume]["bootable"] = "true"
    cloud.cinder.volumes[volume]["volume_image_metadata"] = {"hw_viommu_model": "auto"}
    request = server_request(
        {},
        block_device_mapping=[
            {"source_type": "volume", "destination_type": "volume", "uuid": volume, "boot_index": 0}
        ],
    )
    request.image_ref = None
    (instance,) = cloud.api.create(cloud.context, request)
    cloud.deliver()
    (fault,) = db.instance_faults.get_latest_faults([instance.uuid]).values()
    assert "image property hw_viommu_model=auto" in fault["message"]


def test_the_api_refuses_unsupported_extra_specs(cloud, glance):
    request = server_request({"pci_passthrough:alias": "gpu:1"})
    with pytest.raises(exception.InvalidGuestOption, match="pci_passthrough:alias=gpu:1"):
        cloud.api.create(cloud.context, request)
    assert cloud.casts == []


def test_rebuild_refuses_an_image_with_unsupported_properties(cloud, server, glance):
    glance.images[OTHER_IMAGE]["hw_mem_page_size"] = "large"
    request = RebuildRequest(image_ref=OTHER_IMAGE, admin_password="p")
    with pytest.raises(exception.InvalidGuestOption, match="hw_mem_page_size=large"):
        cloud.api.rebuild(cloud.context, cloud.instance(server), request)
    assert cloud.instance(server).task_state is None
