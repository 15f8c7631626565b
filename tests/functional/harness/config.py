"""The configuration files of a cloud under test."""

from __future__ import annotations

import pathlib
from collections.abc import Mapping

from tests.functional.harness.network import ADDRESS

_LOG_LINE = "%(asctime)s.%(msecs)03d %(levelname)s %(name)s [-] %(message)s"

Sections = Mapping[str, Mapping[str, object]]

# Periodic tasks run more often than by default.
_QUICK: Sections = {
    "DEFAULT": {
        "report_interval": 1,
        "service_down_time": 8,
        "resume_actions_interval": 5,
        "sync_power_state_interval": 5,
        "graceful_shutdown_timeout": 10,
        "rpc_response_timeout": 20,
        "shutdown_timeout": 0,
    },
    "conductor": {"reconcile_interval": 1, "recast_after": 2, "sweep_interval": 3},
    "scheduler": {"host_refresh_interval": 0.1},
}


def merged(*many: Sections) -> dict[str, dict[str, object]]:
    """Merge sections. Later values override earlier ones."""
    result: dict[str, dict[str, object]] = {}
    for sections in many:
        for group, values in sections.items():
            result.setdefault(group, {}).update(values)
    return result


def common(transport_url: str, state: pathlib.Path, image_url: str) -> Sections:
    """The configuration of all daemons."""
    own: Sections = {
        "DEFAULT": {
            "debug": True,
            "logging_context_format_string": _LOG_LINE.replace("[-]", "[%(request_id)s]"),
            "logging_default_format_string": _LOG_LINE,
            "logging_debug_format_suffix": "",
            "host": "control",
            "my_ip": ADDRESS,
            "state_path": state,
            "transport_url": transport_url,
            "compute_driver": "fake.FakeDriver",
        },
        "oslo_concurrency": {"lock_path": state / "locks"},
        "glance": {"endpoint_override": image_url},
        "fake": {"vcpus": 64, "memory_mb": 65536, "local_gb": 1000, "faults": "everyone"},
    }
    return merged(_QUICK, own)


def api(port: int, paste_config: pathlib.Path) -> Sections:
    return {
        "DEFAULT": {
            "enabled_apis": "osapi_compute",
            "osapi_compute_listen": ADDRESS,
            "osapi_compute_listen_port": port,
            "osapi_compute_workers": 2,
        },
        "api": {"auth_strategy": "noauth2"},
        "wsgi": {"api_paste_config": paste_config},
    }


def write(path: pathlib.Path, sections: Sections) -> pathlib.Path:
    lines = []
    for group, values in sections.items():
        lines.append(f"[{group}]")
        lines += [f"{name} = {value}" for name, value in values.items()]
    path.write_text("\n".join(lines) + "\n")
    return path
