"""Diagnostics are made from the statistics that libvirt keeps of a domain."""

import datetime
import sys

from nova_mini.clock import utcnow
from nova_mini.virt.libvirt import diagnostics
from tests import servers

STATS = {
    "balloon.current": 262144,
    "balloon.maximum": 524288,
    "balloon.unused": 131072,
    "balloon.last-update": 1700000000,
    "balloon.rss": 98304,
    "vcpu.current": 2,
    "vcpu.maximum": 2,
    "vcpu.1.state": 1,
    "vcpu.1.time": 20,
    "vcpu.0.state": 1,
    "vcpu.0.time": 10,
    "net.count": 1,
    "net.0.name": "tap0",
    "net.0.rx.bytes": 1,
    "net.0.rx.pkts": 2,
    "net.0.rx.errs": 3,
    "net.0.rx.drop": 4,
    "net.0.tx.bytes": 5,
    "net.0.tx.pkts": 6,
    "net.0.tx.errs": 7,
    "net.0.tx.drop": 8,
    "block.count": 2,
    "block.0.name": "vda",
    "block.0.rd.reqs": 9,
    "block.0.rd.bytes": 10,
    "block.0.wr.reqs": 11,
    "block.0.wr.bytes": 12,
    "block.1.name": "sda",
}


def test_the_format_of_the_first_version_has_names_of_devices():
    assert diagnostics.as_items(STATS) == {
        "cpu0_time": 10,
        "cpu1_time": 20,
        "vda_read_req": 9,
        "vda_read": 10,
        "vda_write_req": 11,
        "vda_write": 12,
        "vda_errors": -1,
        "sda_read_req": -1,
        "sda_read": -1,
        "sda_write_req": -1,
        "sda_write": -1,
        "sda_errors": -1,
        "tap0_rx": 1,
        "tap0_rx_packets": 2,
        "tap0_rx_errors": 3,
        "tap0_rx_drop": 4,
        "tap0_tx": 5,
        "tap0_tx_packets": 6,
        "tap0_tx_errors": 7,
        "tap0_tx_drop": 8,
        "memory": 524288,
        "memory-actual": 262144,
        "memory-unused": 131072,
        "memory-last_update": 1700000000,
        "memory-rss": 98304,
    }


def test_the_common_format_has_lists():
    launched_at = utcnow() - datetime.timedelta(seconds=100)
    instance = servers.make_instance(config_drive="True", launched_at=launched_at)
    found = diagnostics.as_diagnostics(STATS, instance, {"tap0": "fa:16:3e:00:00:01"}).to_dict()
    assert 100 <= found.pop("uptime") < 200
    assert found == {
        "state": "running",
        "driver": "libvirt",
        "hypervisor": "kvm",
        "hypervisor_os": sys.platform,
        "config_drive": True,
        "memory_details": {"maximum": 512, "used": 128},
        "num_cpus": 2,
        "num_disks": 2,
        "num_nics": 1,
        "cpu_details": [
            {"id": 0, "time": 10, "utilisation": None},
            {"id": 1, "time": 20, "utilisation": None},
        ],
        "disk_details": [
            {
                "read_bytes": 10,
                "read_requests": 9,
                "write_bytes": 12,
                "write_requests": 11,
                "errors_count": None,
            },
            dict.fromkeys(
                (
                    "read_bytes",
                    "read_requests",
                    "write_bytes",
                    "write_requests",
                    "errors_count",
                )
            ),
        ],
        "nic_details": [
            {
                "mac_address": "fa:16:3e:00:00:01",
                "rx_octets": 1,
                "rx_packets": 2,
                "rx_errors": 3,
                "rx_drop": 4,
                "rx_rate": None,
                "tx_octets": 5,
                "tx_packets": 6,
                "tx_errors": 7,
                "tx_drop": 8,
                "tx_rate": None,
            }
        ],
    }


def test_a_guest_without_a_driver_for_the_balloon_does_not_report_its_use():
    stats = {"balloon.current": 262144, "balloon.maximum": 262144}
    found = diagnostics.as_diagnostics(stats, servers.make_instance(launched_at=None), {})
    assert (found.memory.maximum, found.memory.used) == (256, None)
    assert found.uptime is None
