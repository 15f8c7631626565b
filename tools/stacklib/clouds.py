"""The credentials of clients: clouds.yaml for SDKs, openrc for shells."""

from stacklib import auth, files
from stacklib.stack import Stack

CLOUD = """\
  {name}:
    auth:
      auth_url: {url}
      username: {name}
      password: {password}
      project_name: {name}
      user_domain_name: Default
      project_domain_name: Default
    region_name: {region}
    identity_api_version: 3
"""

OPENRC = """\
# source this file, then use `openstack`; with the argument `admin`, as the administrator
export OS_CLIENT_CONFIG_FILE={clouds}
export OS_CLOUD=${{1:-demo}}
"""


def write(stack: Stack) -> None:
    """Write both files, readable by root only."""
    entries = [
        CLOUD.format(
            name=name,
            url=auth.url(stack),
            password=stack.secrets[f"user-{name}"],
            region=auth.REGION,
        )
        for name in ("demo", "admin")
    ]
    path = stack.directory / "clouds.yaml"
    files.write(path, "clouds:\n" + "".join(entries))
    files.write(stack.directory / "openrc", OPENRC.format(clouds=path))
