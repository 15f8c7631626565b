"""The versioned notifications of operations on a host, also of those that fail."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.compute.requests.rebuild_request import RebuildRequest
from tests.unit.api.openstack.compute.conftest import OTHER_IMAGE
from tests.unit.versioned_notifications import versioned  # noqa: F401

pytestmark = pytest.mark.usefixtures("glance")


@pytest.fixture
def sent(cloud, server, versioned):  # noqa: F811
    """Those after the boot of the server."""
    versioned.clear()
    return versioned


@pytest.fixture
def broken(cloud, monkeypatch):
    """``broken(method)``: a method of the driver that fails."""

    def refuse(*args, **kwargs):
        raise exception.HypervisorError(reason="broken")

    return lambda name: monkeypatch.setattr(cloud.manager.driver, name, refuse)


def events(sent) -> list[tuple[str, str]]:
    return [(each.event, each.priority) for each in sent]


def test_a_reboot_that_fails(cloud, server, sent, broken):
    broken("reboot")
    cloud.request("reboot", server, "HARD")
    assert events(sent) == [
        ("instance.reboot.start", "info"),
        ("instance.reboot.error", "error"),
        ("compute.exception", "error"),
    ]
    assert sent[1].data["fault"]["nova_object.data"]["exception"] == "HypervisorError"
    assert sent[2].data["exception"] == "HypervisorError"
    assert sent[2].data["exception_message"].endswith("broken")


@pytest.mark.parametrize("step", ["cache_image", "spawn"])
def test_a_rebuild_that_fails(cloud, server, sent, broken, step):
    broken(step)
    cloud.request("rebuild", server, RebuildRequest(image_ref=OTHER_IMAGE, admin_password="p"))
    assert events(sent) == [
        ("instance.exists", "info"),
        ("instance.rebuild.start", "info"),
        ("instance.rebuild.error", "error"),
        ("compute.exception", "error"),
    ]
    assert sent[2].name == "InstanceActionRebuildPayload"
    assert sent[2].data["fault"]["nova_object.data"]["exception"] == "HypervisorError"


def test_a_delete(cloud, server, sent):
    cloud.request("delete", server)
    assert events(sent) == [
        (f"instance.{each}", "info")
        for each in ("exists", "delete.start", "shutdown.start", "shutdown.end", "delete.end")
    ]


def test_what_is_retried_is_no_error_yet(cloud, server, sent, monkeypatch):
    def interrupt(*args, **kwargs):
        raise exception.ActionInterrupted(reason="later")

    monkeypatch.setattr(cloud.manager.driver, "reboot", interrupt)
    cloud.request("reboot", server, "HARD")
    assert events(sent) == [("instance.reboot.start", "info")]
