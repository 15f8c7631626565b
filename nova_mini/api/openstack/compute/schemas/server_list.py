"""Queries of ``GET /servers`` and ``GET /servers/detail``."""

from __future__ import annotations

from nova_mini.api.validation import parameter_types as types

SORT_KEYS = (
    "access_ip_v4",
    "access_ip_v6",
    "auto_disk_config",
    "availability_zone",
    "config_drive",
    "created_at",
    "display_description",
    "display_name",
    "host",
    "hostname",
    "image_ref",
    "instance_type_id",
    "kernel_id",
    "key_name",
    "launch_index",
    "launched_at",
    "locked_by",
    "node",
    "power_state",
    "progress",
    "project_id",
    "ramdisk_id",
    "root_device_name",
    "task_state",
    "terminated_at",
    "updated_at",
    "user_id",
    "uuid",
    "vm_state",
)

_EXACT = (
    "access_ip_v4",
    "access_ip_v6",
    "all_tenants",
    "auto_disk_config",
    "availability_zone",
    "block_device_mapping",
    "config_drive",
    "created_at",
    "deleted",
    "flavor",
    "host",
    "image",
    "image_ref",
    "info_cache",
    "kernel_id",
    "key_name",
    "launch_index",
    "launched_at",
    "locked_by",
    "node",
    "pci_devices",
    "power_state",
    "progress",
    "project_id",
    "ramdisk_id",
    "reservation_id",
    "root_device_name",
    "security_groups",
    "services",
    "soft_deleted",
    "status",
    "system_metadata",
    "task_state",
    "tenant_id",
    "terminated_at",
    "user_id",
    "uuid",
    "vm_state",
)
_PATTERNS = ("name", "display_name", "hostname", "description", "display_description", "ip", "ip6")

_word = types.multiple(types.any_string)
_pattern = types.multiple({"type": "string", "maxLength": 255, "format": "regex"})
_time = types.multiple(types.time)
_tags = _metadata = types.multiple({"type": "string", "maxLength": 65535})

_LIST = {
    **types.pagination,
    **dict.fromkeys(_EXACT, _word),
    **dict.fromkeys(_PATTERNS, _pattern),
    "metadata": _metadata,
    "changes-since": _time,
    "sort_key": types.multiple({"type": "string", "enum": list(SORT_KEYS)}),
    "sort_dir": types.multiple({"type": "string", "enum": ["asc", "desc"]}),
}
_LIST_V226 = {**_LIST, **dict.fromkeys(("tags", "tags-any", "not-tags", "not-tags-any"), _tags)}
_LIST_V266 = {**_LIST_V226, "changes-before": _time}
_LIST_V273 = {**_LIST_V266, "locked": _word}

index = types.query_params(_LIST)
index_v226 = types.query_params(_LIST_V226)
index_v266 = types.query_params(_LIST_V266)
index_v273 = types.query_params(_LIST_V273)
index_v275 = types.query_params(_LIST_V273, strict=True)
