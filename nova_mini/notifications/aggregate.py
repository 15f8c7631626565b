"""Notifications about aggregates: ``aggregate.<event>``, unversioned and versioned."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from nova_mini.notifications import versioned
from nova_mini.notifications.sending import send, sends_unversioned
from nova_mini.notifications.versioned import field_of

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.aggregate import Aggregate

_VERSIONED = {
    "create": "create",
    "updateprop": "update_prop",
    "updatemetadata": "update_metadata",
    "addhost": "add_host",
    "removehost": "remove_host",
    "delete": "delete",
}
_CACHED = frozenset({"cached", "existing"})


@contextlib.contextmanager
def notifies_about_aggregate(
    context: RequestContext,
    event: str,
    aggregate: Aggregate,
    details: Mapping[str, Any] | None = None,
) -> Iterator[None]:
    """Send the notification ``EVENT.start``, and after the block without an error ``EVENT.end``.

    ``event``: ``create``, ``updateprop``, ``updatemetadata``, ``addhost``, ``removehost``,
    ``delete``. ``details``: more fields of the unversioned payload. Called by the API.
    """
    _send(context, event, "start", aggregate, details)
    yield
    _send(context, event, "end", aggregate, details)


@contextlib.contextmanager
def notifies_about_image_cache(context: RequestContext, aggregate: Aggregate) -> Iterator[None]:
    """Send ``aggregate.cache_images.start`` and ``.end``, which exist only versioned. Called by the
    conductors."""
    for phase in ("start", "end"):
        event_type = f"aggregate.cache_images.{phase}"
        versioned.send(context, event_type, versioned.CONDUCTOR, lambda: _payload(aggregate))
        if phase == "start":
            yield


def notify_about_cached_images(
    context: RequestContext,
    aggregate: Aggregate,
    host: str,
    results: Mapping[str, str],
    index: int,
    total: int,
) -> None:
    """Send ``aggregate.cache_images.progress``: ``host`` is done, the ``index``-th of ``total``.

    ``results``: image ID -> ``cached``, ``existing`` or what went wrong. Called by the conductors.
    """

    def make() -> dict[str, Any]:
        data = {
            "id": aggregate.id,
            "uuid": aggregate.uuid,
            "name": aggregate.name,
            "host": host,
            "images_cached": [each for each, result in results.items() if result in _CACHED],
            "images_failed": [each for each, result in results.items() if result not in _CACHED],
            "index": index,
            "total": total,
        }
        return versioned.serialized("AggregateCachePayload", "1.0", data)

    versioned.send(context, "aggregate.cache_images.progress", versioned.CONDUCTOR, make)


def _send(
    context: RequestContext,
    event: str,
    phase: str,
    aggregate: Aggregate,
    details: Mapping[str, Any] | None,
) -> None:
    if sends_unversioned():
        payload = dict(details or {})
        if aggregate.obj_attr_is_set("id"):
            payload["aggregate_id"] = aggregate.id
        identity = payload.get("aggregate_id", payload.get("name"))
        send(context, f"aggregate.{identity}", f"aggregate.{event}.{phase}", payload)
    event_type = f"aggregate.{_VERSIONED[event]}.{phase}"
    versioned.send(context, event_type, versioned.API, lambda: _payload(aggregate))


def _payload(aggregate: Aggregate) -> dict[str, Any]:
    """Before its creation, an aggregate has neither ``id`` nor ``hosts``."""
    names = ("id", "uuid", "name", "hosts", "metadata")
    data = {name: field_of(aggregate, name) for name in names}
    return versioned.serialized("AggregatePayload", "1.1", data)
