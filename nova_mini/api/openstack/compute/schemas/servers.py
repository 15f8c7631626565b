"""Bodies of requests that create, update or rebuild a server."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types
from nova_mini.external.block_device_schema import DISK, DISK_TAGGED, DISK_TYPED, LEGACY_DISK, disks

_image_ref = {"anyOf": [{"type": "string", "format": "uuid"}, {"enum": [""]}]}
flavor_ref = {
    "type": ["string", "integer"],
    "minLength": 1,
    "maxLength": 255,
    "minimum": 0,
}
disk_config = {"type": "string", "enum": ["AUTO", "MANUAL"]}
_address = {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}]}
_user_data = {"type": "string", "format": "base64", "maxLength": 65535}
_password = {"type": "string", "maxLength": 255}
_uuid_or_null = {"anyOf": [types.uuid, {"type": "null"}]}

tag = {
    "type": "string",
    "minLength": 1,
    "maxLength": 60,
    "pattern": r"^[^,/]*\Z",
    "format": "printable",
}
tags = {"type": "array", "items": tag, "maxItems": 50, "uniqueItems": True}

_personality = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "path": {"type": "string"},
            "contents": {"type": "string", "format": "base64"},
        },
        "additionalProperties": False,
        "required": ["path", "contents"],
    },
}
_trusted_certificates = {
    "type": ["array", "null"],
    "minItems": 1,
    "maxItems": 50,
    "uniqueItems": True,
    "items": {"type": "string", "minLength": 1},
}


# -- networks ------------------------------------------------------------------------------------


def _networks(*, with_tag: bool) -> dict:
    properties = {"fixed_ip": _address, "port": _uuid_or_null, "uuid": types.uuid}
    if with_tag:
        properties["tag"] = tag
    return {
        "type": "array",
        "items": {"type": "object", "properties": properties, "additionalProperties": False},
    }


def _networks_or_keyword(*, with_tag: bool) -> dict:
    return {"anyOf": [_networks(with_tag=with_tag), {"enum": ["auto", "none"]}]}


# -- create --------------------------------------------------------------------------------------

_uuids = {"anyOf": [types.uuid, {"type": "array", "items": types.uuid}]}
_hints = {
    "type": "object",
    "properties": {
        "group": types.uuid,
        "different_host": _uuids,
        "same_host": _uuids,
        "query": {"type": "string"},  # JSON
    },
}


def _create(properties: dict, *, networks_required: bool = False) -> dict:
    required = ["name", "flavorRef", *(["networks"] if networks_required else [])]
    schema = types.body_of("server", properties, required)
    schema["properties"]["os:scheduler_hints"] = _hints
    schema["properties"]["OS-SCH-HNT:scheduler_hints"] = _hints
    return schema


_CREATE = {
    "name": types.name,
    "imageRef": _image_ref,
    "flavorRef": flavor_ref,
    "adminPass": _password,
    "metadata": types.metadata,
    "networks": _networks(with_tag=False),
    "OS-DCF:diskConfig": disk_config,
    "accessIPv4": types.ipv4,
    "accessIPv6": types.ipv6,
    "personality": _personality,
    "availability_zone": types.name,
    "block_device_mapping": disks(LEGACY_DISK),
    "block_device_mapping_v2": disks(DISK),
    "config_drive": types.boolean,
    "key_name": types.name,
    "min_count": types.positive_integer,
    "max_count": types.positive_integer,
    "return_reservation_id": types.boolean,
    "security_groups": {
        "type": "array",
        "items": {
            "type": "object",
            "properties": {"name": types.name},
            "required": ["name"],
            "additionalProperties": False,
        },
        "uniqueItems": True,
    },
    "user_data": _user_data,
}
_CREATE_V219 = {**_CREATE, "description": types.description}
_CREATE_V232 = {
    **_CREATE_V219,
    "networks": _networks(with_tag=True),
    "block_device_mapping_v2": disks(DISK_TAGGED),
}
_CREATE_V233 = {**_CREATE_V232, "block_device_mapping_v2": disks(DISK)}
_CREATE_V237 = {**_CREATE_V233, "networks": _networks_or_keyword(with_tag=False)}
_CREATE_V242 = {
    **_CREATE_V237,
    "networks": _networks_or_keyword(with_tag=True),
    "block_device_mapping_v2": disks(DISK_TAGGED),
}
_CREATE_V252 = {**_CREATE_V242, "tags": tags}
_CREATE_V257 = {name: kind for name, kind in _CREATE_V252.items() if name != "personality"}
_CREATE_V263 = {**_CREATE_V257, "trusted_image_certificates": _trusted_certificates}
_CREATE_V267 = {**_CREATE_V263, "block_device_mapping_v2": disks(DISK_TYPED)}
_CREATE_V274 = {
    **_CREATE_V267,
    "host": types.service_host,
    "hypervisor_hostname": types.service_host,
}
_CREATE_V290 = {**_CREATE_V274, "hostname": types.hostname}
_CREATE_V294 = {**_CREATE_V290, "hostname": types.fqdn}

create = _create(_CREATE)
create_v219 = _create(_CREATE_V219)
create_v232 = _create(_CREATE_V232)
create_v233 = _create(_CREATE_V233)
create_v237 = _create(_CREATE_V237, networks_required=True)
create_v242 = _create(_CREATE_V242, networks_required=True)
create_v252 = _create(_CREATE_V252, networks_required=True)
create_v257 = _create(_CREATE_V257, networks_required=True)
create_v263 = _create(_CREATE_V263, networks_required=True)
create_v267 = _create(_CREATE_V267, networks_required=True)
create_v274 = _create(_CREATE_V274, networks_required=True)
create_v290 = _create(_CREATE_V290, networks_required=True)
create_v294 = _create(_CREATE_V294, networks_required=True)


# -- update --------------------------------------------------------------------------------------


def _update(properties: dict) -> dict:
    """The body may have no properties."""
    return types.body_of("server", properties)


_UPDATE = {
    name: _CREATE[name] for name in ("name", "OS-DCF:diskConfig", "accessIPv4", "accessIPv6")
}
_UPDATE_V219 = {**_UPDATE, "description": types.description}

update = _update(_UPDATE)
update_v219 = _update(_UPDATE_V219)
update_v290 = _update({**_UPDATE_V219, "hostname": types.hostname})
update_v294 = _update({**_UPDATE_V219, "hostname": types.fqdn})
update_v2104 = _update(
    {
        **_UPDATE_V219,
        "hostname": types.fqdn,
        "pinned_availability_zone": {"anyOf": [types.name, {"type": "null"}]},
    }
)


# -- rebuild -------------------------------------------------------------------------------------


def _rebuild(properties: dict) -> dict:
    return types.body_of("rebuild", properties, ["imageRef"])


_REBUILD = {
    **_UPDATE,
    "imageRef": types.uuid,
    "adminPass": _password,
    "metadata": types.metadata,
    "preserve_ephemeral": types.boolean,
    "personality": _personality,
}
_REBUILD_V219 = {**_REBUILD, "description": types.description}
_REBUILD_V254 = {**_REBUILD_V219, "key_name": {"anyOf": [types.name, {"type": "null"}]}}
_REBUILD_V257 = {
    **{name: kind for name, kind in _REBUILD_V254.items() if name != "personality"},
    "user_data": {**_user_data, "type": ["string", "null"]},
}
_REBUILD_V263 = {**_REBUILD_V257, "trusted_image_certificates": _trusted_certificates}

rebuild = _rebuild(_REBUILD)
rebuild_v219 = _rebuild(_REBUILD_V219)
rebuild_v254 = _rebuild(_REBUILD_V254)
rebuild_v257 = _rebuild(_REBUILD_V257)
rebuild_v263 = _rebuild(_REBUILD_V263)
rebuild_v290 = _rebuild({**_REBUILD_V263, "hostname": types.hostname})
rebuild_v294 = _rebuild({**_REBUILD_V263, "hostname": types.fqdn})
