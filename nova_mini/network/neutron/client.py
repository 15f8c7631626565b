"""Client of Neutron's REST API. A method sends one request, or several for long lists of ids."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from keystoneauth1 import exceptions as ks_exc
from oslo_log import log as logging

from nova_mini import exception, service_auth
from nova_mini.conf import CONF

if TYPE_CHECKING:
    from nova_mini.context import RequestContext

LOG = logging.getLogger(__name__)

_PAGE = 1000
Items = list[dict[str, Any]]

_MAX_IDS = 100  # in one URL: a server may refuse URLs longer than 8 KiB


class NeutronClient:
    """``resource`` is the last part of the URL: ``ports``, ``security-groups``, ...

    Reads, updates and deletes are retried when the connection fails. ``create`` is not: the first
    request may have succeeded. Raises NeutronConnectionFailed when the outcome is not known, and
    NeutronRequestRefused when Neutron answers with an error.
    """

    def __init__(self, context: RequestContext, *, as_service: bool = False):
        self._adapter = service_auth.get_adapter(context, "neutron", as_service=as_service)

    def list(self, resource: str, **filters: Any) -> Items:
        """The items that match all filters. A list as a filter matches any of its values; an empty
        list matches nothing."""
        if [] in filters.values():
            return []
        return [item for part in _parts(filters) for item in self._list(resource, part)]

    def _list(self, resource: str, filters: dict[str, Any]) -> Items:
        with _translated():
            response = self._adapter.get(f"/v2.0/{resource}", params=filters, **_retries())
        return response.json()[_key(resource)]

    def list_all(self, resource: str, *fields: str) -> Iterator[dict[str, Any]]:
        """All items with these fields, which must include ``id``; read page by page."""
        page: Items = [{}]
        while page:
            marker = {"marker": page[-1]["id"]} if page[-1] else {}
            order = {"sort_key": "id", "sort_dir": "asc", "limit": _PAGE}
            page = self._list(resource, {"fields": list(fields), **order, **marker})
            yield from page

    def get(self, path: str, **filters: Any) -> dict[str, Any]:
        """The body of the answer for a single resource."""
        with _translated():
            return self._adapter.get(f"/v2.0/{path}", params=filters, **_retries()).json()

    def create(self, resource: str, items: Items) -> Items:
        """Create all items or none. The result has the same order."""
        key = _key(resource)
        with _translated():
            return self._adapter.post(f"/v2.0/{resource}", json={key: items}).json()[key]

    def update(
        self, resource: str, item_id: str, changes: dict[str, Any], revision: int | None = None
    ) -> dict[str, Any]:
        """Update an item. ``revision``: only if the item still has this ``revision_number``."""
        headers = {} if revision is None else {"If-Match": f"revision_number={revision}"}
        body = {_key(resource)[:-1]: changes}
        with _translated():
            response = self._adapter.put(
                f"/v2.0/{resource}/{item_id}", json=body, headers=headers, **_retries()
            )
        return response.json()[_key(resource)[:-1]]

    def post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """Create a part of a resource. Not retried, as :meth:`create`."""
        with _translated():
            return self._adapter.post(f"/v2.0/{path}", json=body).json()

    def put(self, path: str) -> None:
        """Request an action of a resource, which is idempotent."""
        with _translated():
            self._adapter.put(f"/v2.0/{path}", **_retries())

    def delete(self, resource: str, item_id: str) -> None:
        """Idempotent."""
        with contextlib.suppress(ks_exc.NotFound), _translated(passing=ks_exc.NotFound):
            self._adapter.delete(f"/v2.0/{resource}/{item_id}", **_retries())


def _key(resource: str) -> str:
    return resource.replace("-", "_")


def _retries() -> dict[str, Any]:
    return {
        "connect_retries": CONF.neutron.http_retries,
        "status_code_retries": CONF.neutron.http_retries,
    }


def _parts(filters: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The filters, with a list that is too long for a URL split into several."""
    for name, value in filters.items():
        if isinstance(value, list) and len(value) > _MAX_IDS:
            for start in range(0, len(value), _MAX_IDS):
                yield {**filters, name: value[start : start + _MAX_IDS]}
            return
    yield filters


@contextlib.contextmanager
def _translated(passing: type[Exception] | tuple = ()) -> Iterator[None]:
    try:
        yield
    except passing:
        raise
    except ks_exc.Unauthorized as exc:
        raise exception.NeutronConnectionFailed(reason="it refuses the credentials") from exc
    except ks_exc.HttpServerError as exc:
        raise exception.NeutronConnectionFailed(reason=f"it answered {exc.http_status}") from exc
    except ks_exc.HttpError as exc:
        error_type, reason = _neutron_error(exc)
        raise exception.NeutronRequestRefused(
            status=exc.http_status, error_type=error_type, reason=reason
        ) from exc
    except ks_exc.ClientException as exc:
        LOG.warning("Network service: no answer: %s", exc)
        raise exception.NeutronConnectionFailed(reason="it does not answer") from exc


def _neutron_error(exc: ks_exc.HttpError) -> tuple[str, str]:
    """Neutron's type of the error, and its message."""
    try:
        response: Any = exc.response
        error = response.json()["NeutronError"]
        return error["type"], error["message"]
    except (AttributeError, KeyError, TypeError, ValueError):
        return type(exc).__name__, exc.message


def distinct(values: Iterable[Any]) -> list[Any]:
    """The values in order, without None and duplicates."""
    return [value for value in dict.fromkeys(values) if value is not None]
