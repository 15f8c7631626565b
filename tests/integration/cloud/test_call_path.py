"""The steps of one boot, in the logs of the four daemons, are the call path in its order."""

from __future__ import annotations

from tests.functional.harness.waiting import until
from tests.integration.cloud.harness import images, trace

_CHAIN = """
api        ServersController.create
api        API.create
api        API._create_instance
api        ComputeTaskAPI.schedule_and_build_instances
conductor  ComputeTaskManager.schedule_and_build_instances
conductor  BuildTask._schedule_instances
conductor  SchedulerQueryClient.select_destinations
conductor  SchedulerAPI.select_destinations
scheduler  SchedulerManager.select_destinations
scheduler  choose_hosts
scheduler  claim_hosts
conductor  ComputeAPI.build_and_run_instance
compute    ComputeManager.build_and_run_instance
compute    InstanceBuild._do_build_and_run_instance
compute    InstanceBuild._build_and_run_instance
compute    ResourceTracker.instance_claim
compute    InstanceBuild._build_resources
compute    InstanceBuild._allocate_network
compute    API.allocate_for_instance
compute    LibvirtDriver.spawn
compute    get_disk_info
compute    LibvirtDriver._create_image
compute    fetch_image
compute    _try_fetch_image_cache
compute    fetch_to_raw
compute    fetch
compute    Image.create_image
compute    LibvirtDriver._get_guest_xml
compute    LibvirtDriver._create_domain_and_network
compute    LibvirtDriver.plug_vifs
compute    LibvirtDriver._create_guest
compute    Host.write_instance_config
compute    Guest.launch
compute    wait_for_instance_event
compute    LibvirtDriver._wait_for_boot
compute    InstanceBuild._finish
"""
CHAIN = [tuple(line.split()) for line in _CHAIN.strip().splitlines()]
# The ports are allocated while the disks are prepared.
BESIDE = ("compute", "InstanceBuild._prep_block_device")


def test_a_boot_walks_the_call_path(cloud, boot, tmp_path):
    image_id = images.upload(cloud, "qcow2", images.make(tmp_path, "new", "-f", "qcow2"))
    try:
        guest = boot(imageRef=image_id, networks="auto")
    finally:
        cloud.of_user.image.delete_image(image_id)
    actions = cloud.user.get(f"/servers/{guest.id}/os-instance-actions")["instanceActions"]
    request_id = actions[0]["request_id"]
    until("the last step is in the log", lambda: CHAIN[-1] in _walked(request_id), 5, 0.2)
    walked = _walked(request_id)
    rest = iter(walked)
    missing = [each for each in CHAIN if each not in rest]
    assert not missing, f"not in this order: {missing}; it was {walked}"
    spawn = ("compute", "LibvirtDriver.spawn")
    assert walked.index(CHAIN[16]) < walked.index(BESIDE) < walked.index(spawn)


def _walked(request_id: str) -> list[tuple[str, str]]:
    return [(step.daemon, step.name) for step in trace.of_request(request_id)]
