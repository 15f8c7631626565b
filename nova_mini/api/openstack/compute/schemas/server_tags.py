"""Bodies of a server's tags."""

from __future__ import annotations

from typing import Any

from nova_mini.api.openstack.compute.schemas.servers import tag, tags

update_all: dict[str, Any] = {
    "type": "object",
    "properties": {"tags": tags},
    "required": ["tags"],
    "additionalProperties": False,
}
#: An empty body; the tag is in the path.
update = {"type": ["object", "null"], "maxProperties": 0}
one = tag
