"""What the proxies share: the last microversion, the check for a service, its errors."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping

from nova_mini import exception, service_auth
from nova_mini.api.openstack.request import Request
from nova_mini.network.neutron.client import NeutronClient

#: The last microversion of most proxies.
LAST = "2.35"

_NAMES = {"glance": "image", "neutron": "network", "cinder": "volume"}


def require(group: str) -> None:
    """Raises NotFound in a cloud without the service of ``[group]``."""
    if not service_auth.is_configured(group):
        raise exception.NotFound(f"This cloud has no {_NAMES[group]} service.")


def neutron(req: Request) -> NeutronClient:
    """A client with the user's token. Raises NotFound in a cloud without Neutron."""
    require("neutron")
    return NeutronClient(req.context)


@contextlib.contextmanager
def neutron_errors(documented: Mapping[int | str, exception.NovaException]) -> Iterator[None]:
    """Raise the exceptions that the Compute API documents for Neutron's errors.

    Keys: Neutron's types of errors, for example "OverQuota", which come first; and statuses.
    """
    try:
        yield
    except exception.NeutronRequestRefused as exc:
        for key in (exc.error_type, exc.status):
            if key in documented:
                raise documented[key] from exc
        raise
