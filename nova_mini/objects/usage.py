"""Which servers ran when: read-only rows, for reports on usage."""

from __future__ import annotations

import datetime
import json

from nova_mini import db


def get_active(
    start: datetime.datetime,
    end: datetime.datetime,
    project_id: str | None = None,
    limit: int | None = None,
    marker: str | None = None,
) -> list[dict]:
    """The servers, deleted ones too, that were there at some time of the period (UTC), by project;
    after the uuid ``marker``. ``flavor`` is a dict. Raises MarkerNotFound. Called by the API."""
    rows = db.usage.get_active(start, end, project_id, limit, marker)
    return [{**row, "flavor": json.loads(row["flavor"])} for row in rows]
