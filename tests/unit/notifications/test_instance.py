"""Notifications about servers, as received by the test driver of oslo.messaging."""

from __future__ import annotations

import datetime
import json
import uuid

import pytest
from oslo_messaging.notify import _impl_test

from nova_mini import exception, rpc
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.notifications import notify_about_instance_usage
from nova_mini.objects.flavor import Flavor
from nova_mini.objects.instance import Instance
from nova_mini.objects.network_model import VIF, FixedIP, Network, NetworkInfo, Subnet

SECRETS = {
    "user_data": "c2VjcmV0LXVzZXItZGF0YQ==",
    "key_data": "ssh-ed25519 secret-key",
    "system_metadata": {"password_0": "secret-password", "image_os_distro": "debian"},
}
TOKEN = "secret-token"


@pytest.fixture
def bus(tmp_path):
    """``bus(*drivers)`` sets the notification drivers, and returns the list of sent messages."""

    def start(*drivers):
        lines = ["[DEFAULT]", "transport_url = fake:", "[oslo_messaging_notifications]"]
        config = tmp_path / "nova-mini.conf"
        config.write_text("\n".join(lines + [f"driver = {driver}" for driver in drivers]))
        CONF(["--config-file", str(config)], project="nova-mini")
        rpc.init()
        sent = _impl_test.NOTIFICATIONS
        sent.clear()
        return sent

    rpc.set_defaults()
    yield start
    rpc.cleanup()
    CONF([], project="nova-mini", default_config_files=[])


@pytest.fixture
def context():
    return RequestContext(user_id="user", project_id="project", auth_token=TOKEN)


@pytest.fixture
def instance():
    subnet = Subnet("10.0.0.0/24", ips=[FixedIP("10.0.0.5", floating_ips=["203.0.113.9"])])
    vif = VIF("port", "fa:16:3e:00:00:01", Network("net", label="private", subnets=[subnet]))
    return Instance(
        uuid=str(uuid.uuid4()),
        project_id="project",
        user_id="user",
        display_name="web",
        hostname="web",
        reservation_id="r-1",
        architecture="x86_64",
        os_type="linux",
        kernel_id=None,
        ramdisk_id=None,
        host="host1",
        node="node1",
        availability_zone="nova",
        created_at=datetime.datetime(2030, 1, 2, 3, 4, 5),
        launched_at=None,
        terminated_at=None,
        deleted_at=None,
        access_ip_v4=None,
        access_ip_v6=None,
        vm_state="active",
        task_state="powering-off",
        progress=0,
        image_ref="image-id",
        metadata={"role": "db"},
        network_info=NetworkInfo([vif]),
        flavor=Flavor(
            id=7,
            flavorid="f1",
            name="m1.tiny",
            memory_mb=512,
            vcpus=2,
            root_gb=10,
            ephemeral_gb=5,
            swap=0,
        ),
        **SECRETS,
    )


def body_of(message) -> dict:
    _context, body, _priority, _retry = message
    return body


def test_the_payload_of_a_notification(bus, context, instance):
    sent = bus("test")
    notify_about_instance_usage(context, instance, "power_off.start")
    [message] = sent
    body = body_of(message)
    assert body["event_type"] == "compute.instance.power_off.start"
    assert body["publisher_id"] == "compute.host1"
    assert body["priority"] == "INFO"
    expected = {
        "tenant_id": "project",
        "user_id": "user",
        "instance_id": instance.uuid,
        "instance_type": "m1.tiny",
        "instance_type_id": 7,
        "instance_flavor_id": "f1",
        "memory_mb": 512,
        "disk_gb": 15,
        "vcpus": 2,
        "state": "active",
        "state_description": "powering-off",
        "created_at": "2030-01-02T03:04:05",
        "launched_at": "",
        "image_meta": {"os_distro": "debian"},
        "metadata": {"role": "db"},
        "fixed_ips": [
            {
                "address": "10.0.0.5",
                "version": 4,
                "type": "fixed",
                "label": "private",
                "vif_mac": "fa:16:3e:00:00:01",
                "floating_ips": ["203.0.113.9"],
            }
        ],
    }
    assert {name: body["payload"][name] for name in expected} == expected


def test_a_notification_contains_no_secret(bus, context, instance):
    sent = bus("test")
    error = exception.NovaException("login failed: {'password': 'secret-in-a-fault'}")
    notify_about_instance_usage(context, instance, "create.error", fault=error)
    text = json.dumps(sent[0], default=str)
    assert "login failed" in text
    assert "secret" not in text


def test_an_error_is_sent_with_the_priority_error(bus, context, instance):
    sent = bus("test")

    class NoValidHost_Remote(exception.NoValidHost):  # noqa: N801
        """As oslo.messaging creates it: its text contains the remote traceback."""

        def __str__(self):
            return "Traceback ..."

    fault = NoValidHost_Remote(reason="All are full.")
    notify_about_instance_usage(context, instance, "create.error", fault=fault)
    body = body_of(sent[0])
    assert body["priority"] == "ERROR"
    assert body["payload"]["exception"] == "NoValidHost"
    assert body["payload"]["message"] == "No valid host was found. All are full."
    assert body["payload"]["code"] == 500


def test_extra_fields_and_a_given_network_info(bus, context, instance):
    sent = bus("test")
    notify_about_instance_usage(
        context, instance, "create.end", network_info=NetworkInfo(), extra={"message": "Success"}
    )
    payload = body_of(sent[0])["payload"]
    assert (payload["fixed_ips"], payload["message"]) == ([], "Success")


def test_the_publisher_of_a_server_without_a_host_is_the_processs_host(bus, context, instance):
    sent = bus("test")
    instance.host = None
    notify_about_instance_usage(context, instance, "delete.end")
    assert body_of(sent[0])["publisher_id"] == f"compute.{CONF.host}"


@pytest.mark.parametrize("drivers", [(), ("noop",), ("",)])
def test_no_notification_is_created_without_a_driver(bus, context, drivers):
    bus(*drivers)
    # No field of this instance is set, so creating a payload would fail.
    notify_about_instance_usage(context, Instance(), "create.start")
