"""Request specs: what each server requires of its host."""

from __future__ import annotations

from collections.abc import Collection

from nova_mini.db import query
from nova_mini.db.models import request_specs

_SPEC = request_specs.c


def create_many(specs: dict[str, dict]) -> None:
    """``specs``: instance uuid -> RequestSpec.as_dict()."""
    query.insert_many(
        request_specs, [{"instance_uuid": uuid, "spec": spec} for uuid, spec in specs.items()]
    )


def get(instance_uuids: Collection[str]) -> dict[str, dict]:
    """instance uuid -> RequestSpec.as_dict(), for those that have one."""
    rows = query.many(request_specs, _SPEC.instance_uuid.in_(instance_uuids))
    return {row["instance_uuid"]: row["spec"] for row in rows}


def save(instance_uuid: str, spec: dict) -> None:
    query.update(request_specs, {"spec": spec}, _SPEC.instance_uuid == instance_uuid)
