"""Random requests to every operation of the API, from its schemas or with random bodies."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote, urlencode

from hypothesis import strategies as st

from nova_mini.api.openstack.api_version import MAX_VERSION, APIVersion
from nova_mini.api.openstack.compute.router import APIRouterV21
from nova_mini.api.openstack.compute.routes import ROUTE_LIST
from nova_mini.api.openstack.operation import ActionOperation, Operation
from tests.unit.api.schema_strategies import FORMATS, damaged, json_values, names, text, values_of

_IDS = ("servers", "1", "detail", "%00", "..", "nova", "host1", "req-1", "default")
_QUERY_VALUES = ("1", "true", "none", "desc", "name", "uuid", "ACTIVE")


def all_operations() -> Iterator[tuple[str, str, str, Operation]]:
    """(name, method, path, operation) of every row, method and action of the route table."""
    for (path, _), methods in zip(ROUTE_LIST, APIRouterV21().operations, strict=True):
        for method, operation in methods.items():
            if isinstance(operation, ActionOperation):
                for action, each in operation.operations.items():
                    yield f"{path} {action}", method, path, each
            else:
                yield f"{method} {path}", method, path, operation


@st.composite
def requests_to(draw, path: str, operation: Operation, known: list[str]):
    """(URL, microversion, body). ``known``: ids of existing resources."""
    implementation = draw(st.sampled_from(operation.implementations))
    last = min(implementation.last, MAX_VERSION)
    version = APIVersion(2, draw(st.integers(implementation.first.minor, last.minor)))
    for part in ("{id}", "{server_id}", "{flavor_id}", "{image_id}"):
        if part in path:
            value = draw(st.sampled_from(known) | st.sampled_from(_IDS) | text)
            path = path.replace(part, quote(value, safe=""))
    query = draw(_queries(implementation, version, known))
    url = f"{path}?{urlencode(query)}" if query else path
    return url, str(version), draw(_bodies(implementation, version))


def _bodies(implementation, version) -> st.SearchStrategy:
    if implementation.body_schemas is None:
        return st.none()
    whole = values_of(implementation.body_schemas.at(version).schema)
    return whole | damaged(whole) | json_values


def _queries(implementation, version, known: list[str]) -> st.SearchStrategy:
    if implementation.query_schemas is None:
        return st.just({})
    parameters = sorted(implementation.query_schemas.at(version).schema["properties"])
    keys = st.sampled_from(parameters) | names if parameters else names
    values = st.one_of(
        text,
        names,
        FORMATS["date-time"],
        FORMATS["int32"],
        FORMATS["regex"],
        st.sampled_from([*_QUERY_VALUES, *known]),
    )
    return st.dictionaries(keys, values, max_size=4)
