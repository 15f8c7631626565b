"""Authentication of the benchmark: a Keystone token from `OS_*` variables, or noauth headers."""

import json
import os
import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from benchlib.errors import BenchError
from benchlib.http import Connection

NOAUTH_HEADERS = {
    "X-Auth-Token": "admin:admin",
    "X-User-Id": "admin",
    "X-Project-Id": "admin",
    "X-Roles": "admin",
    "X-Identity-Status": "Confirmed",
}


class Identity(NamedTuple):
    """The headers of every request, the project, and the service URLs by catalog type."""

    headers: dict[str, str]
    project_id: str
    endpoints: dict[str, str]


def noauth() -> Identity:
    """Return the identity for an API that runs with `auth_strategy = noauth2`."""
    return Identity(dict(NOAUTH_HEADERS), "admin", {})


def read_openrc(path: Path) -> dict[str, str]:
    """Return the `OS_*` variables that an openrc file exports."""
    words = shlex.split(path.read_text(), comments=True)
    pairs = (word.partition("=") for word in words if word.startswith("OS_"))
    return {name: value for name, _, value in pairs}


def from_environment() -> dict[str, str]:
    """Return the `OS_*` variables. If OS_CLOUD is set, they are read from the openstack client."""
    variables = {name: value for name, value in os.environ.items() if name.startswith("OS_")}
    if "OS_CLOUD" not in variables or "OS_AUTH_URL" in variables:
        return variables
    try:
        command = ["openstack", "configuration", "show", "--unmask", "--format", "json"]
        response = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    except (OSError, subprocess.CalledProcessError) as error:
        raise BenchError(f"cannot ask the openstack client for {variables['OS_CLOUD']}") from error
    known = json.loads(response)
    return {
        "OS_" + name.removeprefix("auth.").upper(): value
        for name, value in known.items()
        if name.startswith("auth.")
    }


def keystone(variables: Mapping[str, str]) -> Identity:
    """Get a token with the password in `variables`; raise BenchError when Keystone refuses."""
    missing = [n for n in ("OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD") if not variables.get(n)]
    if missing:
        raise BenchError(
            f"{', '.join(missing)} not set: run it through `tools/stack exec`, "
            "give --openrc FILE, or use --auth noauth"
        )
    connection = Connection(variables["OS_AUTH_URL"].removesuffix("/v3").rstrip("/") + "/v3")
    response = connection.request("POST", "/auth/tokens", _password_request(variables))
    if response.status != 201:
        raise BenchError(f"Keystone answered {response.status} to {variables['OS_USERNAME']}")
    token = response.json()["token"]
    endpoints = {
        service["type"]: endpoint["url"]
        for service in token["catalog"]
        for endpoint in service["endpoints"]
        if endpoint["interface"] == "public"
    }
    headers = {"X-Auth-Token": response.headers["x-subject-token"]}
    return Identity(headers, token["project"]["id"], endpoints)


def _password_request(variables: Mapping[str, str]) -> dict:
    user = {
        "name": variables["OS_USERNAME"],
        "password": variables["OS_PASSWORD"],
        "domain": {"name": variables.get("OS_USER_DOMAIN_NAME", "Default")},
    }
    project = {
        "name": variables.get("OS_PROJECT_NAME", variables["OS_USERNAME"]),
        "domain": {"name": variables.get("OS_PROJECT_DOMAIN_NAME", "Default")},
    }
    identity = {"methods": ["password"], "password": {"user": user}}
    return {"auth": {"identity": identity, "scope": {"project": project}}}
