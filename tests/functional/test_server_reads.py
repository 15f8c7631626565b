"""What the host of a server, and the metadata service, tell about it."""

from __future__ import annotations

from tests.functional.harness.waiting import until


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


def test_the_password_of_a_guest_is_changed(cloud, project):
    server_id = project.boot(metadata={})
    project.user.act(server_id, "changePassword", {"adminPass": "s3cret"})
    assert project.user.show(server_id)["OS-EXT-STS:task_state"] is None
    assert (
        "password of the administrator"
        in cloud.guest(project.host_of(server_id), server_id)["console"]
    )
    rows = cloud.query("SELECT * FROM instance_actions WHERE instance_uuid = :u", u=server_id)
    assert "s3cret" not in str(rows)
    names = [each["event"] for each in project.events(server_id, "changePassword")]
    assert "compute_set_admin_password" in names


def test_a_guest_without_an_answer_is_not_implemented(project):
    server_id = project.boot(metadata={"fake:deaf": "yes"})
    body = {"changePassword": {"adminPass": "s3cret"}}
    message = project.user.refusal(501, "POST", f"/servers/{server_id}/action", body)
    assert "does not answer" in message
    assert project.user.wait_for(server_id, "ACTIVE")


def test_a_crash_dump_and_the_network_information(cloud, project):
    server_id = project.boot()
    project.user.act(server_id, "trigger_crash_dump")
    host = project.host_of(server_id)
    until(
        "it has the interrupt",
        lambda: "non-maskable interrupt" in cloud.guest(host, server_id)["console"],
        10,
    )
    project.admin.act(server_id, "injectNetworkInfo")
    path = f"/servers/{server_id}/action"
    project.user.refusal(403, "POST", path, {"injectNetworkInfo": None})
