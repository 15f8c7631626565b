"""The options with which the services log in to Keystone and validate tokens."""

from stacklib import ports
from stacklib.stack import Stack

REGION = "RegionOne"


def url(stack: Stack) -> str:
    """Return Keystone's endpoint."""
    return f"http://{stack.control.node.address}:{ports.KEYSTONE}/v3"


def password(stack: Stack, user: str) -> dict[str, object]:
    """Return keystoneauth options with which the service user `user` logs in."""
    return {
        "auth_type": "password",
        "auth_url": url(stack),
        "project_domain_name": "Default",
        "user_domain_name": "Default",
        "project_name": "service",
        "username": user,
        "password": stack.secrets[f"user-{user}"],
        "region_name": REGION,
    }


def token_check(stack: Stack, user: str) -> dict[str, object]:
    """Return the options of [keystone_authtoken]. Validated tokens are cached in memcached."""
    return {
        "www_authenticate_uri": url(stack),
        "memcached_servers": f"127.0.0.1:{ports.MEMCACHED}",
        "service_token_roles": "service",
        "service_token_roles_required": True,
        **password(stack, user),
    }
