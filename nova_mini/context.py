"""Who asks: it travels with every request, message and log line."""

from __future__ import annotations

import copy

from oslo_context import context as oslo_context
from oslo_utils import timeutils


class RequestContext(oslo_context.RequestContext):
    """oslo.context's, with the service catalog that the user's token came with.

    ``auth_token`` is needed to act for the user at Glance, Neutron and Cinder; oslo.log masks it.
    """

    FROM_DICT_EXTRA_KEYS = ["service_catalog", "remote_address", "timestamp"]

    def __init__(self, *, service_catalog=None, remote_address=None, timestamp=None, **kwargs):
        kwargs.pop("is_admin_project", None)
        super().__init__(**kwargs)
        self.service_catalog = service_catalog or []
        self.remote_address = remote_address
        if isinstance(timestamp, str):
            timestamp = timeutils.parse_isotime(timestamp).replace(tzinfo=None)
        self.timestamp = timestamp or timeutils.utcnow()

    def to_dict(self) -> dict:
        values = super().to_dict()
        values.update(
            service_catalog=self.service_catalog,
            remote_address=self.remote_address,
            timestamp=self.timestamp.isoformat() + "Z",
        )
        return values

    def elevated(self) -> RequestContext:
        """The same request with the powers of an administrator, for work behind the API."""
        context = copy.copy(self)
        context.is_admin = True
        context.roles = list(dict.fromkeys([*self.roles, "admin"]))
        return context


def get_admin_context() -> RequestContext:
    """For periodic work, which no user asked for."""
    return RequestContext(is_admin=True, roles=["admin"], overwrite=False)
