"""Where this API differs from Nova's on purpose: the operation, and the reason."""

from __future__ import annotations

_HOSTS = "Nova's schema says that hosts are UUIDs; Nova answers with their names, too"

READS = {
    "GET /os-instance_usage_audit_log": _HOSTS,
    "GET /os-instance_usage_audit_log/{id}": _HOSTS,
}
BODIES = {
    "PUT /servers/{server_id}/tags/{id}": "an empty JSON object is taken as no body",
}
_UNUSED = "offset and page_size have no effect in Nova; here their values are not checked"
_STRICT = "refused from 2.102 on, as its description says of all operations; Nova forgot this one"
QUERIES = {
    "GET /images": _UNUSED,
    "GET /images/detail": _UNUSED,
    "GET /versions/{id}": _STRICT,
    "GET /os-quota-sets/{id}/defaults": _STRICT,
    "GET /servers/{server_id}/os-volume_attachments/{id}": _STRICT,
    "GET /servers/{server_id}/tags": _STRICT,
    "GET /servers/{server_id}/tags/{id}": _STRICT,
}
