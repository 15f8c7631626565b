"""What the suites expect of a cloud: the names that DevStack gives."""

from __future__ import annotations

from pathlib import Path

from stacklib import auth, files
from stacklib.cloud import Cloud
from stacklib.errors import StackError
from stacklib.stack import Stack

from testlib import automatic_networks

IMAGE = "cirros-mini-disk"  # the suites look for the word and the ending

# name: (id, MiB of memory, vcpus, GiB of disk). The suites compare the flavors called m1.* with
# those of DevStack.
FLAVORS = {
    "m1.medium": ("3", 4096, 2, 40),
    "m1.large": ("4", 8192, 4, 80),
    "m1.xlarge": ("5", 16384, 8, 160),
}
FOREIGN_FLAVOR = "m1.nano"  # DevStack has none

_CLOUD = """\
  {name}:
    auth:
      auth_url: {url}
      username: {user}
      password: {password}
{scope}
    region_name: {region}
    identity_api_version: 3
"""
_PROJECT = """\
      user_domain_name: Default
      project_name: {user}
      project_domain_name: Default"""
_SYSTEM = "      user_domain_name: Default\n      system_scope: all"
_BY_ID = """\
      user_domain_id: default
      project_name: {user}
      project_domain_id: default"""

# The clouds of DevStack and of novaclient: the user, and the scope of the token
_CLOUDS = {
    "devstack": ("demo", _PROJECT),
    "devstack-alt": ("demo", _PROJECT),
    "devstack-admin": ("admin", _PROJECT),
    "devstack-system-admin": ("admin", _SYSTEM),
    "functional_admin": ("admin", _BY_ID),
}


def write_clouds(stack: Stack, directory: Path) -> None:
    """Write clouds.yaml, which holds passwords, into the directory where a suite runs."""
    entries = [
        _CLOUD.format(
            name=name,
            url=auth.url(stack),
            user=user,
            password=stack.secrets[f"user-{user}"],
            scope=scope.format(user=user),
            region=auth.REGION,
        )
        for name, (user, scope) in _CLOUDS.items()
    ]
    files.write(directory / "clouds.yaml", "clouds:\n" + "".join(entries))


def prepare(stack: Stack) -> None:
    """Create the image and the flavors, and let Neutron allocate networks; remove the flavor that
    DevStack does not have."""
    cloud = Cloud(stack)
    automatic_networks.allow(cloud)
    if cloud.find("image", "/images", "images", name=IMAGE) is None:
        _upload(stack, cloud)
    known = {each["name"]: each["id"] for each in _flavors(cloud)}
    for name, (number, memory, vcpus, disk) in FLAVORS.items():
        if name not in known:
            flavor = {"id": number, "name": name, "ram": memory, "vcpus": vcpus, "disk": disk}
            cloud.request("POST", "compute", "/flavors", {"flavor": flavor})
    if FOREIGN_FLAVOR in known:
        cloud.request("DELETE", "compute", f"/flavors/{known[FOREIGN_FLAVOR]}")


def _flavors(cloud: Cloud) -> list[dict]:
    return cloud.request("GET", "compute", "/flavors")["flavors"]


def _upload(stack: Stack, cloud: Cloud) -> None:
    source = stack.directory / "images" / "disk.qcow2"
    if not source.exists():
        raise StackError("there is no guest image: start the stack with its images")
    body = {
        "name": IMAGE,
        "disk_format": "qcow2",
        "container_format": "bare",
        "visibility": "public",
    }
    image = cloud.request("POST", "image", "/images", body)
    cloud.request("PUT", "image", f"/images/{image['id']}/file", source)
