"""The Compute API to measure, the credentials, and the image and flavor of the servers."""

import argparse
from pathlib import Path

from benchlib import auth
from benchlib.compute import Compute
from benchlib.errors import BenchError
from benchlib.http import Connection

UNLIMITED = {"instances": -1, "cores": -1, "ram": -1}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that `connect` reads."""
    add = parser.add_argument
    add("--endpoint", metavar="URL", help="Compute API (default: from the catalog)")
    add("--auth", choices=("keystone", "noauth"), default="keystone")
    add("--openrc", type=Path, metavar="FILE", help="credentials (default: the environment)")
    add("--microversion", default="2.79")
    add("--image", metavar="ID", help="default: the first bootable image of the image service")
    add("--flavor", default="m1.nano", metavar="ID|NAME")
    add("--network-mode", default="none", metavar="none|auto|ID")
    add("--raise-quota", action="store_true", help="set the project's quotas to unlimited first")
    add("--poll", type=float, default=0.02, help="seconds between looks at a server")
    add("--timeout", type=float, default=600, help="seconds to wait for servers")
    add("--prefix", default="bench", help="what the names of the servers begin with")


def connect(arguments: argparse.Namespace) -> Compute:
    """Return the endpoint to measure. Checks the credentials, the image and the flavor."""
    identity = _identity(arguments)
    endpoint = arguments.endpoint or identity.endpoints.get("compute")
    if not endpoint:
        raise BenchError("the catalog names no compute endpoint: give --endpoint URL")
    version = arguments.microversion
    headers = {
        **identity.headers,
        "Accept": "application/json",
        "OpenStack-API-Version": f"compute {version}",
        "X-OpenStack-Nova-API-Version": version,
    }
    image = arguments.image or _first_image(identity)
    network = arguments.network_mode
    compute = Compute(
        endpoint=endpoint,
        headers=headers,
        image=image,
        flavor="",
        networks=network if network in ("none", "auto") else [{"uuid": network}],
        prefix=arguments.prefix,
        poll=arguments.poll,
        timeout=arguments.timeout,
        volume_endpoint=identity.endpoints.get("block-storage"),
    )
    compute.flavor = _flavor(compute, arguments.flavor)
    if arguments.raise_quota:
        compute.call("PUT", f"/os-quota-sets/{identity.project_id}", {"quota_set": UNLIMITED})
    return compute


def _identity(arguments: argparse.Namespace) -> auth.Identity:
    if arguments.auth == "noauth":
        return auth.noauth()
    if arguments.openrc:
        return auth.keystone(auth.read_openrc(arguments.openrc))
    return auth.keystone(auth.from_environment())


def _first_image(identity: auth.Identity) -> str:
    """Return the id of the first active image that can boot by itself."""
    url = identity.endpoints.get("image")
    if not url:
        raise BenchError("the catalog names no image endpoint: give --image ID")
    path = "/v2/images?status=active&limit=100"
    response = Connection(url.rstrip("/").removesuffix("/v2")).request(
        "GET", path, None, identity.headers
    )
    images = response.json()["images"] if response.status == 200 else []
    bootable = [i["id"] for i in images if i["disk_format"] in ("raw", "qcow2")]
    if not bootable:
        raise BenchError(f"no bootable image at {url} (status {response.status}): give --image ID")
    return bootable[0]


def _flavor(compute: Compute, requested: str) -> str:
    """Return the ID of the flavor with the ID or name `requested`."""
    flavors = compute.call("GET", "/flavors")["flavors"]
    for flavor in flavors:
        if requested in (flavor["id"], flavor["name"]):
            return flavor["id"]
    raise BenchError(f"no flavor {requested}; known are {', '.join(f['name'] for f in flavors)}")
