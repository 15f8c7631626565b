"""What the host of a server, and the metadata service, tell about it."""

from __future__ import annotations


def test_diagnostics_of_a_running_server(project):
    server_id = project.boot()
    path = f"/servers/{server_id}/diagnostics"
    found = project.admin.get(path)
    assert (found["state"], found["num_cpus"]) == ("running", 1)
    assert found["memory_details"]["maximum"] == 64
    assert found["uptime"] >= 0
    old = {"OpenStack-API-Version": "compute 2.47"}
    assert project.admin.request("GET", path, headers=old).json() == {"memory": 64 * 1024}
    project.user.refusal(403, "GET", path)


def test_a_server_that_does_not_run_has_no_diagnostics(project):
    server_id = project.boot()
    project.user.act(server_id, "os-stop")
    project.user.wait_for(server_id, "SHUTOFF")
    message = project.admin.refusal(409, "GET", f"/servers/{server_id}/diagnostics")
    assert "power state shutdown" in message
    project.user.act(server_id, "shelve")
    project.user.wait_for(server_id, "SHELVED_OFFLOADED")
    message = project.admin.refusal(409, "GET", f"/servers/{server_id}/diagnostics")
    assert "not ready" in message


def test_the_audit_log_names_every_compute(cloud, project):
    log = project.admin.get("/os-instance_usage_audit_log")["instance_usage_audit_logs"]
    services = project.admin.get("/os-services?binary=nova-compute")["services"]
    assert log["hosts_not_run"] == sorted(each["host"] for each in services)
    assert log["num_hosts_done"] == 0
