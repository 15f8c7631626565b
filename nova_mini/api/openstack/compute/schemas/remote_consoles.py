"""Bodies of requests for consoles."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types


def _create(protocols: list[str], console_types: list[str]) -> dict:
    return types.body_of(
        "remote_console",
        {
            "protocol": {"type": "string", "enum": protocols},
            "type": {"type": "string", "enum": console_types},
        },
        ["protocol", "type"],
    )


def _old(action: str, console_types: list[str]) -> dict:
    return types.body_of(action, {"type": {"type": "string", "enum": console_types}}, ["type"])


# No hypervisor of this release has xvpvnc, rdp-html5 and webmks: they are refused after the schema.
_PROTOCOLS = ["vnc", "spice", "serial", "rdp"]
_TYPES = ["novnc", "xvpvnc", "spice-html5", "serial", "rdp-html5"]

create_v26 = _create(_PROTOCOLS, _TYPES)
create_v28 = _create([*_PROTOCOLS, "mks"], [*_TYPES, "webmks"])
create_v299 = _create([*_PROTOCOLS, "mks"], [*_TYPES, "webmks", "spice-direct"])

get_vnc_console = _old("os-getVNCConsole", ["novnc", "xvpvnc"])
get_spice_console = _old("os-getSPICEConsole", ["spice-html5"])
get_serial_console = _old("os-getSerialConsole", ["serial"])
