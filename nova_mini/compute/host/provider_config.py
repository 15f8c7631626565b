"""The traits that an administrator gives to a host, from files in the form of Nova's provider.yaml.

All hosts may have the same files: an entry is for the host that it names, or for every host that no
entry names.
"""

from __future__ import annotations

import os
import pathlib
from typing import Any

import jsonschema
import yaml

from nova_mini import exception

EVERY_HOST = "$COMPUTE_NODE"

# Keys that nothing acts on, such as "inventories", are refused.
_SCHEMA = {
    "type": "object",
    "properties": {
        "meta": {
            "type": "object",
            "properties": {"schema_version": {"type": "string", "pattern": r"^1\.[0-9]+$"}},
            "required": ["schema_version"],
        },
        "providers": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "identification": {
                        "type": "object",
                        "properties": {
                            "name": {"type": "string", "minLength": 1, "maxLength": 200},
                            "uuid": {"const": EVERY_HOST},
                        },
                        "minProperties": 1,
                        "maxProperties": 1,
                        "additionalProperties": False,
                    },
                    "traits": {
                        "type": "object",
                        "properties": {
                            "additional": {
                                "type": "array",
                                "items": {
                                    "type": "string",
                                    "pattern": r"^CUSTOM_[A-Z0-9_]+$",
                                    "maxLength": 255,
                                },
                            }
                        },
                        "additionalProperties": False,
                    },
                },
                "required": ["identification"],
                "additionalProperties": False,
            },
        },
    },
    "required": ["meta"],
    "additionalProperties": False,
}

Traits = frozenset[str]


def load(directory: str) -> dict[str, Traits]:
    """Return the traits of each host that the ``*.yaml`` files in the directory name, and those of
    ``EVERY_HOST``. No directory is no error.

    Raises ConfigurationError for a file that cannot be read or has another form, and for two
    entries for one host.
    """
    found: dict[str, Traits] = {}
    for path in sorted(pathlib.Path(directory).glob("*.yaml")):
        for provider in _read(path).get("providers", []):
            (host,) = provider["identification"].values()
            if host in found:
                raise _error(path, f"there is another entry for {host}")
            found[host] = frozenset(provider.get("traits", {}).get("additional", []))
    return found


def traits_of(node: str, configured: dict[str, Traits]) -> Traits:
    """The configured traits of the host with this ``hypervisor_hostname``. An entry that has traits
    and names the host has precedence."""
    return configured.get(node) or configured.get(EVERY_HOST, frozenset())


def _read(path: pathlib.Path) -> dict[str, Any]:
    try:
        content = yaml.safe_load(path.read_text())
        jsonschema.validate(content, _SCHEMA)
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as exc:
        raise _error(path, str(exc)) from exc
    except jsonschema.ValidationError as exc:
        place = "/".join(map(str, exc.absolute_path)) or "the file"
        raise _error(path, f"{place}: {exc.message}") from exc
    return content


def _error(path: os.PathLike[str], reason: str) -> exception.ConfigurationError:
    return exception.ConfigurationError(
        f"[compute] provider_config_location: {path} is not valid: {reason}"
    )
