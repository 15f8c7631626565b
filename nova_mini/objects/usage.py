"""Usage: which servers existed in a period; for the API's usage reports."""

from __future__ import annotations

import datetime
import json
from typing import Any

from nova_mini import db


def get_active(
    start: datetime.datetime,
    end: datetime.datetime,
    project_id: str | None = None,
    limit: int | None = None,
    marker: str | None = None,
) -> list[dict[str, Any]]:
    """The servers, including deleted ones, that existed at any time of the period (UTC).

    Ordered by project; only those after the UUID ``marker``. ``flavor`` is a dict. Raises
    MarkerNotFound. Called by the API.
    """
    rows = db.usage.get_active(start, end, project_id, limit, marker)
    return [{**row, "flavor": json.loads(row["flavor"])} for row in rows]
