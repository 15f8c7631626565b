"""The life of a server in Horizon, from its launch to its end. The tests continue one another."""

from __future__ import annotations

import uuid

import pytest

from tests.clients.horizon.dashboard import Dashboard

INSTANCES = "/project/instances/"
IMAGE = "cirros-mini-disk"
NETWORK = "private"
NAME = f"horizon-{uuid.uuid4().hex[:8]}"
SNAPSHOT = f"{NAME}-snapshot"


@pytest.fixture
def instances(demo: Dashboard):
    """The browser of demo, at the list of its instances. Horizon may not show an error."""
    demo.visit(INSTANCES)
    yield demo
    assert demo.complaints() == []


def test_a_wrong_password_is_refused(visitor):
    visitor.log_in("demo", "wrong")
    visitor.wait_for(".alert-danger", "Invalid credentials")
    visitor.screenshot("01-refused")


def test_a_user_logs_in_and_sees_the_overview(demo):
    demo.wait_for("h1", "Overview")
    demo.visit("/project/")
    demo.wait_for("body", "Limit Summary")
    demo.screenshot("02-overview")
    assert "Instances" in demo.text()
    assert demo.complaints() == []


def test_a_server_is_launched_with_the_wizard(instances):
    instances.press("#instances__action_launch-ng")
    instances.fill(".ng-wizard #name", NAME)
    _step(instances, "Source")
    _take(instances, IMAGE)
    _step(instances, "Flavor")
    _take(instances, "m1.tiny")
    instances.screenshot("03-wizard")
    _step(instances, "Networks")
    _take(instances, NETWORK)
    instances.press(".ng-wizard .finish:not([disabled])")
    instances.wait_without(".ng-wizard")
    instances.wait_for_cell(NAME, "Status", "Active")  # Horizon asks again by itself
    instances.screenshot("04-launched")


def test_the_details_of_the_server(instances):
    instances.press(f"tr[data-display='{NAME}'] a", NAME)
    instances.wait_for(".breadcrumb", NAME)
    for text in ("m1.tiny", IMAGE, NETWORK, "Active"):
        instances.wait_for("body", text)
    instances.screenshot("05-details")


def test_the_log_of_the_console(instances):
    instances.press_in_row(NAME, "log")
    instances.wait_for("pre", "booted")
    instances.screenshot("06-log")


def test_the_console_shows_the_screen(instances):
    instances.press_in_row(NAME, "console")
    instances.wait_for("iframe#console_embed")
    url = instances.evaluate("document.querySelector('#console_embed').src")
    instances.screenshot("07-console")
    instances.visit(url)  # the frame is of another origin, so its content is read here
    instances.wait_for("#status, #noVNC_status", "Connected")
    instances.wait_for("canvas")
    instances.screenshot("08-console-only")


def test_the_server_is_paused_and_resumed(instances):
    instances.press_in_row(NAME, "pause")
    instances.wait_for_cell(NAME, "Status", "Paused")
    instances.press_in_row(NAME, "pause")
    instances.wait_for_cell(NAME, "Status", "Active")


def test_the_server_is_resized(instances):
    instances.press_in_row(NAME, "resize")
    instances.wait_for(".modal", "Resize Instance")
    instances.choose(".modal select[name=flavor]", "m1.small")
    instances.screenshot("09-resize")
    instances.confirm()
    instances.wait_for_cell(NAME, "Status", "Confirm or Revert Resize/Migrate")
    instances.screenshot("10-resized")
    instances.press_in_row(NAME, "confirm")
    instances.wait_for_cell(NAME, "Status", "Active")
    instances.wait_for_cell(NAME, "Flavor", "m1.small")


def test_the_server_is_rescued(instances):
    instances.press_in_row(NAME, "rescue")
    instances.wait_for(".modal", "Rescue Instance")
    instances.choose(".modal select[name=image]", IMAGE)
    instances.confirm()
    instances.wait_for_cell(NAME, "Status", "Rescue")
    instances.screenshot("11-rescued")
    instances.press_in_row(NAME, "unrescue")
    instances.wait_for_cell(NAME, "Status", "Active")


def test_a_snapshot_is_made(instances):
    instances.press_in_row(NAME, "snapshot")
    instances.fill(".modal input[name=name]", SNAPSHOT)
    instances.confirm()
    instances.visit("/project/images")
    instances.wait_for("tbody tr", SNAPSHOT)
    active = f"shown('tbody tr', {SNAPSHOT!r}).innerText.includes('Active')"
    instances.wait("the snapshot is active", active)
    instances.screenshot("12-snapshot")


def test_a_server_group_is_created_and_deleted(demo):
    name = f"{NAME}-group"
    demo.visit("/project/server_groups/")
    demo.press("button", "Create Server Group")
    demo.fill(".modal input[name=name]", name)
    demo.choose(".modal select[name=policy]", "Soft Anti Affinity")
    demo.press(".modal .modal-footer .btn-primary:not([disabled])")
    demo.wait_for("tbody tr", name)
    demo.screenshot("13-server-group")
    demo.wait("its menu", f"press(shown('tbody tr', {name!r}).querySelector('.btn-danger'))")
    demo.confirm()
    demo.wait_without("tbody tr", name)
    assert demo.complaints() == []


def test_an_administrator_sees_the_hypervisors(admin):
    admin.visit("/admin/hypervisors/")
    admin.wait_for("tbody tr", "fake-1")
    admin.screenshot("20-hypervisors")
    assert admin.complaints() == []


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/admin/instances/", NAME),
        ("/admin/aggregates/", "nova"),
        ("/admin/info/?tab=system_info__nova_services", "nova-conductor"),
        ("/admin/defaults/", "Instances"),
    ],
)
def test_pages_of_the_administrator(admin, path, text):
    admin.visit(path)
    admin.wait_for("body", text)
    admin.screenshot(f"21-{path.strip('/').split('/')[1]}")
    assert admin.complaints() == []


def test_an_administrator_creates_and_deletes_a_flavor(admin):
    name = f"{NAME}-flavor"
    admin.visit("/admin/flavors/")
    admin.press("#flavors__action_create")
    for field, value in {"name": name, "vcpus": "1", "memory_mb": "64", "disk_gb": "1"}.items():
        admin.fill(f".modal input[name={field}]", value)
    admin.confirm()
    admin.wait_for("tbody tr", name)
    admin.screenshot("22-flavors")
    admin.press_in_row(name, "delete")
    admin.confirm()
    admin.wait_without("tbody tr", name)
    assert admin.complaints() == []


def test_the_server_is_deleted(instances):
    instances.press_in_row(NAME, "delete")
    instances.screenshot("30-delete")
    instances.confirm()
    instances.wait("the row is gone", f"!{instances.row(NAME)}")
    instances.visit(INSTANCES)
    assert NAME not in instances.text()
    instances.screenshot("31-deleted")


def test_the_snapshot_is_deleted(demo):
    demo.visit("/project/images")
    row = f"shown('tbody tr', {SNAPSHOT!r})"
    items = f"[...({row} || document).querySelectorAll('a')]"
    delete = f"{items}.find(each => each.textContent.trim() == 'Delete Image')"
    demo.wait("the menu of the snapshot", f"{row} && press({delete})")
    demo.confirm()
    demo.wait_without("tbody tr", SNAPSHOT)
    assert demo.complaints() == []


def _step(dashboard: Dashboard, title: str) -> None:
    """Go to a step of the wizard."""
    dashboard.press(".ng-wizard .nav-item a", title)


def _take(dashboard: Dashboard, name: str) -> None:
    """Take an entry of the step's list, unless the wizard has taken it by itself."""
    step = "document.querySelector('.wizard-steps .step:not(.ng-hide)')"
    taken = f"{step}.querySelector('.transfer-allocated').innerText.includes({name!r})"
    rows = f"[...{step}.querySelectorAll('.transfer-available tbody tr')]"
    row = f"{rows}.find(each => each.innerText.includes({name!r}))"
    button = f"({row} || {step}).querySelector('td button')"
    dashboard.wait(f"{name} is taken", f"{taken} || (press({button}), false)")
