"""The steps of one request in the four services, with the names that Nova uses."""

from __future__ import annotations

import re

_BEGINS = re.compile(r"^(\S+ \S+) DEBUG nova_mini\.trace \[(\S+)\] step (\S+) begins$", re.M)

# In the order of their begin. A name may be there twice: for the caller and for the endpoint.
CHAIN = [
    ("api", "ServersController.create"),
    ("api", "API.create"),
    ("api", "API._create_instance"),
    ("api", "ComputeTaskAPI.schedule_and_build_instances"),
    ("conductor", "ComputeTaskManager.schedule_and_build_instances"),
    ("conductor", "BuildTask._schedule_instances"),
    ("conductor", "SchedulerQueryClient.select_destinations"),
    ("conductor", "SchedulerAPI.select_destinations"),
    ("scheduler", "SchedulerManager.select_destinations"),
    ("scheduler", "choose_hosts"),
    ("scheduler", "claim_hosts"),
    ("conductor", "ComputeAPI.build_and_run_instance"),
    ("compute", "ComputeManager.build_and_run_instance"),
    ("compute", "InstanceBuild._do_build_and_run_instance"),
    ("compute", "InstanceBuild._build_and_run_instance"),
    ("compute", "ResourceTracker.instance_claim"),
    ("compute", "InstanceBuild._build_resources"),
    ("compute", "FakeDriver.spawn"),
    ("compute", "InstanceBuild._finish"),
]
# At the same time, in two threads, between _build_resources and spawn.
NETWORKS = ["InstanceBuild._allocate_network", "API.allocate_for_instance"]
DISKS = ["InstanceBuild._prep_block_device", "get_block_device_info"]


def _walk(cloud, request_id: str, host: str) -> list[tuple[str, str]]:
    """(service, step) in the order in which they began."""
    daemons = {"api": cloud.api, "conductor": cloud.conductor, "scheduler": cloud.scheduler}
    daemons["compute"] = cloud.computes[host]
    found = []
    for service, daemon in daemons.items():
        for when, request, step in _BEGINS.findall(daemon.process.log.read_text()):
            if request == request_id:
                found.append((when, service, step))
    return [(service, step) for _, service, step in sorted(found, key=lambda each: each[0])]


def _in_order(expected: list, walk: list) -> None:
    rest = iter(walk)
    for each in expected:
        assert each in rest, f"{each} did not begin in its place; the walk was {walk}"


def test_a_build_walks_the_call_path(cloud, project):
    response = project.user.request("POST", "/servers", project.server())
    server_id = response.json()["server"]["id"]
    project.user.wait_for(server_id, "ACTIVE")
    host = project.host_of(server_id)

    walk = _walk(cloud, response.headers["x-compute-request-id"], host)
    _in_order(CHAIN, walk)
    names = [step for _, step in walk]
    for side in (NETWORKS, DISKS):
        _in_order(["InstanceBuild._build_resources", *side, "FakeDriver.spawn"], names)


def test_the_history_of_the_build_has_its_steps(project):
    server_id = project.boot()
    steps = [event["event"] for event in project.events(server_id, "create")]
    for service, step in CHAIN:
        if service == "compute":
            assert step in steps
