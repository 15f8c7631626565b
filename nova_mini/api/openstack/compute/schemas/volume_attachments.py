"""Bodies and queries of a server's volumes."""

from __future__ import annotations

from nova_mini.api.openstack.compute.schemas.servers import tag
from nova_mini.api.validation import parameter_types as types

_CREATE = {
    "volumeId": types.uuid,
    "device": {"type": ["string", "null"], "maxLength": 255, "pattern": r"^/dev/[a-z]+[0-9]*\Z"},
}
_CREATE_V249 = {**_CREATE, "tag": tag}
_CREATE_V279 = {**_CREATE_V249, "delete_on_termination": types.boolean}


def _body(properties: dict) -> dict:
    return types.body_of("volumeAttachment", properties, ["volumeId"])


create = _body(_CREATE)
create_v249 = _body(_CREATE_V249)
create_v279 = _body(_CREATE_V279)

update = _body({"volumeId": types.uuid})
update_v285 = _body({**_CREATE_V279, "id": types.uuid, "serverId": types.uuid})

_PAGE = {
    "limit": types.multiple(types.non_negative_integer),
    "offset": types.multiple(types.non_negative_integer),
}
index = types.query_params(_PAGE)
index_v275 = types.query_params(_PAGE, strict=True)
