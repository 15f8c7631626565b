"""The request context: the user, project and token of a request; part of every RPC message."""

from __future__ import annotations

import copy
import datetime

from oslo_context import context as oslo_context
from oslo_utils import timeutils


class RequestContext(oslo_context.RequestContext):
    """The context of oslo.context, and the service catalog of the user's token.

    ``auth_token`` is used for requests to Glance, Neutron and Cinder on behalf of the user.
    oslo.log masks it.
    """

    FROM_DICT_EXTRA_KEYS = ["service_catalog", "remote_address", "timestamp"]

    def __init__(
        self,
        *,
        service_catalog: list[dict] | None = None,
        remote_address: str | None = None,
        timestamp: datetime.datetime | str | None = None,
        **kwargs,
    ):
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

    def to_policy_values(self) -> dict:
        """Adds ``is_admin``, which policy files written for Nova use."""
        return {**super().to_policy_values(), "is_admin": self.is_admin}

    def elevated(self) -> RequestContext:
        """The same request with the role admin, for internal work."""
        context = copy.copy(self)
        context.is_admin = True
        context.roles = list(dict.fromkeys([*self.roles, "admin"]))
        return context


def get_admin_context() -> RequestContext:
    """The context of work that no user requested, such as periodic tasks."""
    return RequestContext(is_admin=True, roles=["admin"], overwrite=False)
