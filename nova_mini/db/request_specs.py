"""Request specs: what each server requires of its host."""

from __future__ import annotations

from collections.abc import Collection

import sqlalchemy as sa

from nova_mini.db import query
from nova_mini.db.models import request_specs
from nova_mini.db.session import writer

_SPEC = request_specs.c
# In the JSON text of a spec with hints. Quotes inside of strings are escaped there, so only a key
# can match.
_HAS_HINTS = '"scheduler_hints":{"'


def create_many(specs: dict[str, dict]) -> None:
    """``specs``: instance uuid -> RequestSpec.as_dict()."""
    query.insert_many(
        request_specs, [{"instance_uuid": uuid, "spec": spec} for uuid, spec in specs.items()]
    )


def get(instance_uuids: Collection[str]) -> dict[str, dict]:
    """instance uuid -> RequestSpec.as_dict(), for those that have one."""
    rows = query.many(request_specs, _SPEC.instance_uuid.in_(instance_uuids))
    return {row["instance_uuid"]: row["spec"] for row in rows}


def get_scheduler_hints(instance_uuids: Collection[str]) -> dict[str, dict]:
    """instance uuid -> hints, for those that have any; one query. The specs of all others, which
    are most, are not read."""
    of_servers = _SPEC.instance_uuid.in_(instance_uuids)
    text = sa.type_coerce(_SPEC.spec, sa.Text)
    rows = query.many(request_specs, of_servers, text.contains(_HAS_HINTS, autoescape=True))
    found = {row["instance_uuid"]: row["spec"].get("scheduler_hints") for row in rows}
    return {uuid: hints for uuid, hints in found.items() if hints}


def set_availability_zone(instance_uuid: str, zone: str | None) -> None:
    """Change one field of a spec. The row is locked until the transaction ends."""
    statement = sa.select(_SPEC.spec).where(_SPEC.instance_uuid == instance_uuid)
    with writer() as connection:
        spec = connection.execute(statement.with_for_update()).scalar()
        if spec is not None:
            save(instance_uuid, {**spec, "availability_zone": zone})


def save(instance_uuid: str, spec: dict) -> None:
    query.update(request_specs, {"spec": spec}, _SPEC.instance_uuid == instance_uuid)
