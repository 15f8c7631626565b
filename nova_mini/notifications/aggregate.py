"""Notifications about aggregates: ``aggregate.<event>``."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nova_mini.notifications.sending import send, sends_unversioned

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.aggregate import Aggregate


@contextlib.contextmanager
def notifies_about_aggregate(
    context: RequestContext,
    event: str,
    aggregate: Aggregate,
    details: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Send the notification ``EVENT.start``, and after the block without an error ``EVENT.end``.

    ``event``: ``create``, ``updateprop``, ``updatemetadata``, ``addhost``, ``removehost``,
    ``delete``. Does nothing when ``[oslo_messaging_notifications] driver`` sends none. Called by
    the API.
    """
    _send(context, f"{event}.start", aggregate, details)
    yield
    _send(context, f"{event}.end", aggregate, details)


def _send(context, event: str, aggregate: Aggregate, details: Mapping[str, Any] | None) -> None:
    if not sends_unversioned():
        return
    payload = dict(details or {})
    if aggregate.obj_attr_is_set("id"):
        payload["aggregate_id"] = aggregate.id
    identity = payload.get("aggregate_id", payload.get("name"))
    send(context, f"aggregate.{identity}", f"aggregate.{event}", payload)
