"""The values of well-known extra specs (microversion 2.86): a typing error is told at once, not
when the first server is built. Keys of namespaces that we do not know are the operator's own."""

from __future__ import annotations

import re
from collections.abc import Mapping

from nova_mini import exception

_BOOLEAN = r"(?i)(true|false|yes|no|on|off|0|1|t|f|y|n)"
_INTEGER = r"\d{1,10}"
_POSITIVE = r"0*[1-9]\d{0,9}"

_KNOWN = {
    "hw:cpu_policy": r"dedicated|shared|mixed",
    "hw:cpu_thread_policy": r"prefer|isolate|require",
    "hw:cpu_sockets": _POSITIVE,
    "hw:cpu_cores": _POSITIVE,
    "hw:cpu_threads": _POSITIVE,
    "hw:cpu_max_sockets": _POSITIVE,
    "hw:cpu_max_cores": _POSITIVE,
    "hw:cpu_max_threads": _POSITIVE,
    "hw:mem_page_size": r"small|large|any|\d+([kKMGT]i?B?)?",
    "hw:numa_nodes": _POSITIVE,
    "hw:serial_port_count": _INTEGER,
    "hw:watchdog_action": r"none|pause|poweroff|reset|disabled",
    "hw:boot_menu": _BOOLEAN,
    "hw:mem_encryption": _BOOLEAN,
    "hw:hide_hypervisor_id": _BOOLEAN,
    "hw_rng:allowed": _BOOLEAN,
    "hw_rng:rate_bytes": _INTEGER,
    "hw_rng:rate_period": _INTEGER,
    "hw_video:ram_max_mb": _INTEGER,
    "os:secure_boot": r"required|disabled|optional",
    "quota:cpu_shares": _POSITIVE,
    "quota:cpu_period": _INTEGER,
    "quota:cpu_quota": r"-?\d{1,10}",
    "quota:disk_read_bytes_sec": _INTEGER,
    "quota:disk_read_iops_sec": _INTEGER,
    "quota:disk_write_bytes_sec": _INTEGER,
    "quota:disk_write_iops_sec": _INTEGER,
    "quota:disk_total_bytes_sec": _INTEGER,
    "quota:disk_total_iops_sec": _INTEGER,
}  # fmt: skip


def validate(specs: Mapping[str, str]) -> None:
    """Raises ValidationError for a value that its key does not take."""
    for key, value in specs.items():
        pattern = _KNOWN.get(key)
        if pattern and not re.fullmatch(pattern, value, re.ASCII):
            raise exception.ValidationError(
                detail=f"Extra spec '{key}' does not take '{value}': it must match {pattern}."
            )
