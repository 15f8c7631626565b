"""Recipes: how to request each operation of the route table for an object of another tenant.

``OBJECTS`` has the object that each path names. ``BODIES`` has a valid body for every operation
with a body, so that a schema does not refuse an attack before the check of access.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

from nova_mini.api.openstack.api_version import MAX_VERSION
from nova_mini.api.openstack.operation import Operation
from tests.unit.api.request_strategies import all_operations

METADATA = {"plan": "victims-secret-metadata"}
TAG = "victims-tag"
KEY = "victims-key"
FLAVOR = "victims-flavor"
SPEC = "hw:watchdog_action"
GROUP = "victims-group"
AGGREGATE = "operators-aggregate"
UNKNOWN = "5f1f4a1a-0000-4000-8000-00000000dead"

# What the placeholders of a path stand for. The last kind is of the object whose owner is checked.
SERVER, KEYPAIR, PRIVATE_FLAVOR, PROJECT = "server", "keypair", "flavor", "project"
SERVER_GROUP = "server group"
OPERATORS, PUBLIC, COLLECTION = "operator's", "public", "collection"
# An object of Glance, Neutron or Cinder, which decides who may see it. The cloud of these tests has
# only Glance.
PROXIED = "proxied"


@dataclasses.dataclass(frozen=True)
class Object:
    """``kind``: who owns the object; ``names``: values of the other placeholders of the path."""

    kind: str
    names: Mapping[str, str] = dataclasses.field(default_factory=dict)


OBJECTS = {
    "/servers": Object(COLLECTION),
    "/servers/detail": Object(COLLECTION),
    "/servers/{id}": Object(SERVER),
    "/servers/{id}/action": Object(SERVER),
    "/servers/{server_id}/metadata": Object(SERVER),
    "/servers/{server_id}/metadata/{id}": Object(SERVER, {"id": "plan"}),
    "/servers/{server_id}/tags": Object(SERVER),
    "/servers/{server_id}/tags/{id}": Object(SERVER, {"id": TAG}),
    "/servers/{server_id}/ips": Object(SERVER),
    "/servers/{server_id}/ips/{id}": Object(SERVER, {"id": "private"}),
    "/servers/{server_id}/os-interface": Object(SERVER),
    "/servers/{server_id}/os-interface/{id}": Object(SERVER, {"id": UNKNOWN}),
    "/servers/{server_id}/os-volume_attachments": Object(SERVER),
    "/servers/{server_id}/os-volume_attachments/{id}": Object(SERVER, {"id": UNKNOWN}),
    "/servers/{server_id}/shares": Object(SERVER),
    "/servers/{server_id}/shares/{id}": Object(SERVER, {"id": UNKNOWN}),
    "/servers/{server_id}/os-security-groups": Object(SERVER),
    "/servers/{server_id}/os-server-password": Object(SERVER),
    "/servers/{server_id}/diagnostics": Object(SERVER),
    "/servers/{server_id}/remote-consoles": Object(SERVER),
    "/servers/{server_id}/topology": Object(SERVER),
    "/servers/{server_id}/os-instance-actions": Object(SERVER),
    "/servers/{server_id}/os-instance-actions/{id}": Object(SERVER, {"id": "{request_id}"}),
    "/servers/{server_id}/migrations": Object(SERVER),
    "/servers/{server_id}/migrations/{id}": Object(SERVER, {"id": "1"}),
    "/servers/{server_id}/migrations/{id}/action": Object(SERVER, {"id": "1"}),
    "/flavors": Object(COLLECTION),
    "/flavors/detail": Object(COLLECTION),
    "/flavors/{id}": Object(PRIVATE_FLAVOR),
    "/flavors/{id}/action": Object(PRIVATE_FLAVOR),
    "/flavors/{flavor_id}/os-flavor-access": Object(PRIVATE_FLAVOR),
    "/flavors/{flavor_id}/os-extra_specs": Object(PRIVATE_FLAVOR),
    "/flavors/{flavor_id}/os-extra_specs/{id}": Object(
        PRIVATE_FLAVOR, {"id": "hw:watchdog_action"}
    ),
    "/os-keypairs": Object(COLLECTION),
    "/os-keypairs/{id}": Object(KEYPAIR),
    "/os-server-groups": Object(COLLECTION),
    "/os-server-groups/{id}": Object(SERVER_GROUP),
    "/limits": Object(COLLECTION),
    "/os-quota-sets/{id}": Object(PROJECT),
    "/os-quota-sets/{id}/defaults": Object(PUBLIC, {"id": "{project}"}),
    "/os-quota-sets/{id}/detail": Object(PROJECT),
    "/os-quota-class-sets/{id}": Object(OPERATORS, {"id": "default"}),
    "/os-simple-tenant-usage": Object(OPERATORS),
    "/os-simple-tenant-usage/{id}": Object(PROJECT),
    "/os-instance_usage_audit_log": Object(OPERATORS),
    "/os-instance_usage_audit_log/{id}": Object(OPERATORS, {"id": "2026-01-01%2000:00:00"}),
    "/os-services": Object(OPERATORS),
    "/os-services/enable": Object(OPERATORS),
    "/os-services/disable": Object(OPERATORS),
    "/os-services/disable-log-reason": Object(OPERATORS),
    "/os-services/force-down": Object(OPERATORS),
    "/os-services/{id}": Object(OPERATORS, {"id": UNKNOWN}),
    "/os-hypervisors": Object(OPERATORS),
    "/os-hypervisors/detail": Object(OPERATORS),
    "/os-hypervisors/statistics": Object(OPERATORS),
    "/os-hypervisors/{id}": Object(OPERATORS, {"id": UNKNOWN}),
    "/os-hypervisors/{id}/uptime": Object(OPERATORS, {"id": UNKNOWN}),
    "/os-hypervisors/{id}/search": Object(OPERATORS, {"id": "c1"}),
    "/os-hypervisors/{id}/servers": Object(OPERATORS, {"id": "c1"}),
    "/os-availability-zone": Object(PUBLIC),
    "/os-availability-zone/detail": Object(OPERATORS),
    "/os-aggregates": Object(OPERATORS),
    "/os-aggregates/{id}": Object(OPERATORS, {"id": "1"}),
    "/os-aggregates/{id}/action": Object(OPERATORS, {"id": "1"}),
    "/os-aggregates/{id}/images": Object(OPERATORS, {"id": "1"}),
    "/os-migrations": Object(OPERATORS),
    "/os-assisted-volume-snapshots": Object(OPERATORS),
    "/os-assisted-volume-snapshots/{id}": Object(OPERATORS, {"id": UNKNOWN}),
    "/os-server-external-events": Object(OPERATORS),
    "/os-console-auth-tokens/{id}": Object(OPERATORS, {"id": UNKNOWN}),
    "/versions/{id}": Object(PUBLIC, {"id": "v2.1"}),
    "/extensions": Object(PUBLIC),
    "/extensions/{id}": Object(PUBLIC, {"id": "os-rescue"}),
    "/images": Object(PROXIED),
    "/images/detail": Object(PROXIED),
    "/images/{id}": Object(PROXIED),
    "/images/{image_id}/metadata": Object(PROXIED, {"image_id": UNKNOWN}),
    "/images/{image_id}/metadata/{id}": Object(PROXIED, {"image_id": UNKNOWN, "id": "k"}),
    **dict.fromkeys(
        (
            "/os-networks",
            "/os-networks/{id}",
            "/os-tenant-networks",
            "/os-tenant-networks/{id}",
            "/os-security-groups",
            "/os-security-groups/{id}",
            "/os-security-group-rules",
            "/os-security-group-rules/{id}",
            "/os-floating-ips",
            "/os-floating-ips/{id}",
            "/os-floating-ip-pools",
            "/os-volumes",
            "/os-volumes/detail",
            "/os-volumes/{id}",
            "/os-snapshots",
            "/os-snapshots/detail",
            "/os-snapshots/{id}",
        ),
        Object(PROXIED),
    ),
    "/os-hosts": Object(OPERATORS),
    **dict.fromkeys(
        (f"/os-hosts/{{id}}{action}" for action in ("", "/startup", "/shutdown", "/reboot")),
        Object(OPERATORS, {"id": "c1"}),
    ),
}

# Operations on such objects that only operators may request, also for their own objects.
OPERATORS_ALONE = {
    "POST /flavors",
    "PUT /flavors/{id}",
    "DELETE /flavors/{id}",
    "/flavors/{id}/action addTenantAccess",
    "/flavors/{id}/action removeTenantAccess",
    "GET /flavors/{flavor_id}/os-flavor-access",
    "POST /flavors/{flavor_id}/os-extra_specs",
    "PUT /flavors/{flavor_id}/os-extra_specs/{id}",
    "DELETE /flavors/{flavor_id}/os-extra_specs/{id}",
    "PUT /os-quota-sets/{id}",
    "DELETE /os-quota-sets/{id}",
}

# Reads of a tenant's own objects that a reader of the project may not do.
NOT_FOR_READERS = {
    "GET /servers/{server_id}/migrations",
    "GET /servers/{server_id}/migrations/{id}",
    "GET /servers/{server_id}/diagnostics",
}

_VOLUME = {"volumeAttachment": {"volumeId": UNKNOWN}}
_SERVICE = {"host": "c1", "binary": "nova-mini-compute"}
_GROUP = {"name": "default"}
_SECURITY_GROUP = {"security_group": {"name": "taken", "description": "taken"}}

BODIES: dict[str, object] = {
    "POST /servers": {
        "server": {
            "name": "s",
            "imageRef": "{image}",
            "flavorRef": "tiny",
            "networks": "none",
        }
    },
    "PUT /servers/{id}": {"server": {"name": "taken"}},
    "/servers/{id}/action reboot": {"reboot": {"type": "HARD"}},
    "/servers/{id}/action rebuild": {"rebuild": {"imageRef": "{image}"}},
    "/servers/{id}/action createImage": {"createImage": {"name": "copy"}},
    "/servers/{id}/action changePassword": {"changePassword": {"adminPass": "taken"}},
    "/servers/{id}/action createBackup": {
        "createBackup": {"name": "b", "backup_type": "daily", "rotation": 1}
    },
    "/servers/{id}/action addSecurityGroup": {"addSecurityGroup": _GROUP},
    "/servers/{id}/action removeSecurityGroup": {"removeSecurityGroup": _GROUP},
    "/servers/{id}/action os-getConsoleOutput": {"os-getConsoleOutput": {}},
    "/servers/{id}/action os-resetState": {"os-resetState": {"state": "error"}},
    "/servers/{id}/action lock": {"lock": None},
    "/servers/{id}/action unshelve": {"unshelve": None},
    "/servers/{id}/action resize": {"resize": {"flavorRef": "tiny"}},
    "/servers/{id}/action migrate": {"migrate": None},
    "/servers/{id}/action os-migrateLive": {
        "os-migrateLive": {"host": None, "block_migration": "auto"}
    },
    "/servers/{server_id}/migrations/{id}/action force_complete": {"force_complete": None},
    "/servers/{id}/action os-getVNCConsole": {"os-getVNCConsole": {"type": "novnc"}},
    "/servers/{id}/action os-getSPICEConsole": {"os-getSPICEConsole": {"type": "spice-html5"}},
    "/servers/{id}/action os-getSerialConsole": {"os-getSerialConsole": {"type": "serial"}},
    "POST /servers/{server_id}/remote-consoles": {
        "remote_console": {"protocol": "serial", "type": "serial"}
    },
    "/servers/{id}/action evacuate": {"evacuate": {}},
    **{
        f"/servers/{{id}}/action {action}": {action: None}
        for action in (
            "os-start",
            "os-stop",
            "pause",
            "unpause",
            "suspend",
            "resume",
            "unlock",
            "shelve",
            "shelveOffload",
            "confirmResize",
            "revertResize",
            "rescue",
            "unrescue",
            "restore",
            "forceDelete",
            "trigger_crash_dump",
            "injectNetworkInfo",
        )
    },
    "POST /servers/{server_id}/metadata": {"metadata": {"k": "taken"}},
    "PUT /servers/{server_id}/metadata": {"metadata": {}},
    "PUT /servers/{server_id}/metadata/{id}": {"meta": {"plan": "taken"}},
    "PUT /servers/{server_id}/tags": {"tags": []},
    "PUT /servers/{server_id}/tags/{id}": {},
    "POST /servers/{server_id}/os-interface": {"interfaceAttachment": {}},
    "POST /servers/{server_id}/shares": {"share": {"share_id": UNKNOWN}},
    "POST /servers/{server_id}/os-volume_attachments": _VOLUME,
    "PUT /servers/{server_id}/os-volume_attachments/{id}": _VOLUME,
    "POST /flavors": {"flavor": {"name": "x", "vcpus": 1, "ram": 1, "disk": 1}},
    "PUT /flavors/{id}": {"flavor": {"description": "taken"}},
    "/flavors/{id}/action addTenantAccess": {"addTenantAccess": {"tenant": "{stranger}"}},
    "/flavors/{id}/action removeTenantAccess": {"removeTenantAccess": {"tenant": "{project}"}},
    "POST /flavors/{flavor_id}/os-extra_specs": {"extra_specs": {SPEC: "reset"}},
    "PUT /flavors/{flavor_id}/os-extra_specs/{id}": {SPEC: "reset"},
    "POST /os-keypairs": {"keypair": {"name": "k", "public_key": "{public_key}"}},
    "POST /os-server-groups": {"server_group": {"name": "g", "policy": "affinity"}},
    "PUT /os-quota-sets/{id}": {"quota_set": {"instances": 1}},
    "PUT /os-quota-class-sets/{id}": {"quota_class_set": {"instances": 1}},
    "PUT /os-services/enable": _SERVICE,
    "PUT /os-services/disable": _SERVICE,
    "PUT /os-services/disable-log-reason": {**_SERVICE, "disabled_reason": "x"},
    "PUT /os-services/force-down": {**_SERVICE, "forced_down": True},
    "PUT /os-services/{id}": {"status": "disabled"},
    "POST /os-aggregates": {"aggregate": {"name": "a"}},
    "PUT /os-aggregates/{id}": {"aggregate": {"name": "a"}},
    "/os-aggregates/{id}/action add_host": {"add_host": {"host": "c1"}},
    "/os-aggregates/{id}/action remove_host": {"remove_host": {"host": "c1"}},
    "/os-aggregates/{id}/action set_metadata": {"set_metadata": {"metadata": {"a": "b"}}},
    "POST /os-aggregates/{id}/images": {"cache": [{"id": UNKNOWN}]},
    "POST /images/{image_id}/metadata": {"metadata": {"k": "taken"}},
    "PUT /images/{image_id}/metadata": {"metadata": {}},
    "PUT /images/{image_id}/metadata/{id}": {"meta": {"k": "taken"}},
    "POST /os-security-groups": _SECURITY_GROUP,
    "PUT /os-security-groups/{id}": _SECURITY_GROUP,
    "POST /os-security-group-rules": {"security_group_rule": {"parent_group_id": UNKNOWN}},
    "POST /os-floating-ips": {},
    "POST /os-volumes": {"volume": {"size": 1}},
    "POST /os-snapshots": {"snapshot": {"volume_id": UNKNOWN}},
    "/servers/{id}/action addFixedIp": {"addFixedIp": {"networkId": UNKNOWN}},
    "/servers/{id}/action removeFixedIp": {"removeFixedIp": {"address": "192.0.2.1"}},
    "/servers/{id}/action addFloatingIp": {"addFloatingIp": {"address": "192.0.2.1"}},
    "/servers/{id}/action removeFloatingIp": {"removeFloatingIp": {"address": "192.0.2.1"}},
    "PUT /os-hosts/{id}": {"status": "disable"},
    "POST /os-assisted-volume-snapshots": {
        "snapshot": {
            "volume_id": UNKNOWN,
            "create_info": {"snapshot_id": UNKNOWN, "type": "qcow2", "new_file": "taken"},
        }
    },
    "POST /os-server-external-events": {
        "events": [{"name": "network-changed", "server_uuid": "{server}"}]
    },
}


@dataclasses.dataclass(frozen=True)
class Attack:
    """One operation of the route table. ``version``: the newest microversion that has it."""

    name: str
    method: str
    path: str
    version: str
    takes_body: bool

    @property
    def object(self) -> Object:
        """The object that the path names. Raises KeyError for a route without a recipe."""
        return OBJECTS[self.path]

    @property
    def kind(self) -> str:
        """Who owns the object, or ``OPERATORS`` if only operators may request the operation."""
        return OPERATORS if self.name in OPERATORS_ALONE else self.object.kind

    def url(self, own: str, known: Mapping[str, str]) -> str:
        """The path for the object ``own``; ``known``: the values of the placeholders."""
        names = {"server_id": own, "flavor_id": own, "id": own, **self.object.names}
        return _filled(self.path.format(**{**known, **names}), known)

    def body(self, known: Mapping[str, str]) -> object:
        """A valid body; None for an operation without one. Raises KeyError if it has no recipe."""
        return _filled(BODIES[self.name], known) if self.takes_body else None


def _filled(value, known: Mapping[str, str]):
    """``value`` with the placeholders replaced, at any depth."""
    if isinstance(value, dict):
        return {key: _filled(each, known) for key, each in value.items()}
    if isinstance(value, list):
        return [_filled(each, known) for each in value]
    if isinstance(value, str):
        for name, text in known.items():
            value = value.replace(f"{{{name}}}", text)
    return value


def all_attacks() -> list[Attack]:
    """One for every row, method and action of the route table."""
    return [
        Attack(name, method, path, _newest(operation), operation.takes_body)
        for name, method, path, operation in all_operations()
    ]


def _newest(operation: Operation) -> str:
    return str(min(operation.implementations[-1].last, MAX_VERSION))
