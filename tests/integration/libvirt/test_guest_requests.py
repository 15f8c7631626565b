"""What the driver asks of a running guest: its counters, an interrupt, a password."""

from __future__ import annotations

import base64

import pytest

from nova_mini import exception
from nova_mini.clock import utcnow
from nova_mini.objects.network_model import NetworkInfo
from tests import servers
from tests.integration.libvirt import cloud

PASSWORD = "s3cret-password"
AGENT = {"image_hw_qemu_guest_agent": "yes"}

# An agent that answers as the QEMU guest agent does, and shows on the console what it is asked.
AGENT_IN_SHELL = r"""#!/bin/sh
modprobe virtio_console 2>/dev/null
port=$(ls /dev/vport*p1 | head -n 1)
(
    exec 3<>"$port"
    echo "AGENT: port=$port"
    while :; do
        # There is nothing to read until libvirt has connected the other end.
        read -r line <&3 || { sleep 0.1; continue; }
        case "$line" in
        *guest-sync*)
            number=$(echo "$line" | sed 's/.*"id": *\([0-9]*\).*/\1/')
            printf '{"return": %s}\n' "$number" >&3
            ;;
        *)
            echo "AGENT: $line"
            printf '{"return": {}}\n' >&3
            ;;
        esac
    done
) </dev/null >/dev/ttyS0 2>&1 &
"""


def spawn_with_agent(driver, **fields):
    instance = servers.make_instance(system_metadata=AGENT, **fields)
    image_meta = cloud.ImageMeta.from_instance(instance)
    driver.spawn(None, instance, image_meta, [], None, NetworkInfo(), None)
    return instance, image_meta


def test_diagnostics_count_what_the_guest_does(driver, console):
    instance = servers.make_instance(config_drive="True", launched_at=utcnow())
    cloud.spawn(driver, instance)
    console(instance, "GUEST: ready")
    items = driver.get_diagnostics(instance)
    assert items["cpu0_time"] > 10**8
    assert items["vda_read"] > 2**20 and items["vda_read_req"] > 10
    assert items["memory"] == 96 * 1024
    found = driver.get_instance_diagnostics(instance).to_dict()
    assert (found["state"], found["driver"], found["hypervisor"]) == ("running", "libvirt", "qemu")
    assert found["memory_details"]["maximum"] == 96
    assert found["cpu_details"][0]["time"] >= items["cpu0_time"]
    assert found["disk_details"][0]["read_bytes"] >= items["vda_read"]
    assert (found["num_cpus"], found["num_disks"], found["num_nics"]) == (1, 2, 0)
    assert found["config_drive"] is True


def test_an_interrupt_reaches_the_guest(driver, console):
    instance = servers.make_instance()
    cloud.spawn(driver, instance)
    console(instance, "GUEST: ready")
    driver.trigger_crash_dump(instance)
    console(instance, "NMI")
    driver.power_off(instance)
    with pytest.raises(exception.InstanceInvalidState, match="power state shutdown"):
        driver.trigger_crash_dump(instance)


def test_a_password_is_given_to_the_agent(driver, console):
    user_data = base64.b64encode(AGENT_IN_SHELL.encode()).decode()
    instance, image_meta = spawn_with_agent(driver, config_drive="True", user_data=user_data)
    console(instance, "GUEST: user-data rc=0")
    console(instance, "AGENT: port=/dev/vport")
    driver.set_admin_password(instance, image_meta, PASSWORD)
    shown = console(instance, "guest-set-user-password")
    assert '"username":"root"' in shown
    assert base64.b64encode(PASSWORD.encode()).decode() in shown


def test_an_agent_that_does_not_run_does_not_answer(driver, console):
    instance, image_meta = spawn_with_agent(driver)
    console(instance, "GUEST: ready")
    with pytest.raises(exception.GuestAgentUnresponsive):
        driver.set_admin_password(instance, image_meta, PASSWORD)
    bare = servers.make_instance()
    cloud.spawn(driver, bare)
    with pytest.raises(exception.InstanceAgentNotEnabled):
        driver.set_admin_password(bare, cloud.ImageMeta.from_instance(bare), PASSWORD)
