"""The parts of the API reference that are not in the code: titles, and differences from Nova."""

from __future__ import annotations

#: The sections, in their order.
TITLES = {
    "servers": "Servers",
    "servers/action": "Server actions",
    "servers/metadata": "Server metadata",
    "servers/tags": "Server tags",
    "servers/ips": "Server addresses",
    "servers/os-interface": "Server interfaces",
    "servers/os-security-groups": "Server security groups",
    "servers/os-server-password": "Server passwords",
    "servers/remote-consoles": "Server consoles",
    "servers/diagnostics": "Server diagnostics",
    "servers/topology": "Server topology",
    "servers/os-volume_attachments": "Server volumes",
    "servers/shares": "Server shares",
    "servers/os-instance-actions": "Server history",
    "servers/migrations": "Live migrations of a server",
    "flavors": "Flavors",
    "flavors/action": "Flavor actions",
    "flavors/os-flavor-access": "Flavor access",
    "flavors/os-extra_specs": "Flavor extra specs",
    "os-keypairs": "Key pairs",
    "os-server-groups": "Server groups",
    "limits": "Limits",
    "os-quota-sets": "Quotas",
    "os-quota-class-sets": "Quota classes",
    "os-simple-tenant-usage": "Usage",
    "os-instance_usage_audit_log": "Usage audits",
    "os-services": "Services",
    "os-hypervisors": "Hypervisors",
    "os-availability-zone": "Availability zones",
    "os-aggregates": "Aggregates",
    "os-migrations": "Migrations",
    "os-console-auth-tokens": "Console tokens",
    "os-server-external-events": "External events",
    "os-assisted-volume-snapshots": "Assisted volume snapshots",
    "versions": "Versions",
    "extensions": "Extensions",
    "images": "Images (Glance)",
    "os-networks": "Networks (Neutron)",
    "os-tenant-networks": "Networks of a project (Neutron)",
    "os-security-groups": "Security groups (Neutron)",
    "os-security-group-rules": "Security group rules (Neutron)",
    "os-floating-ips": "Floating IPs (Neutron)",
    "os-floating-ip-pools": "Pools of floating IPs (Neutron)",
    "os-volumes": "Volumes (Cinder)",
    "os-snapshots": "Snapshots of volumes (Cinder)",
    "os-hosts": "Hosts",
}

NOTES = {
    "servers": (
        "the server group of the scheduler hint `group` must be one of the caller's project (for "
        "administrators: any); otherwise the request is refused with 400. While schedulers or "
        "conductors of an older release run, it is refused with 409. A hint whose filter is not "
        "enabled is refused with 400, see "
        "[Scheduler hints](../operations/scheduling.md#scheduler-hints). A flavor or an image that "
        "asks for what no host can do is refused; see "
        "[Extra specs and image properties](extra-specs.md). A deleted server can be listed "
        "until it is purged. With `reclaim_instance_interval`, a delete begins only in the states "
        "of `softDelete`, unless the server was never active or is on no host."
    ),
    "servers/action": (
        "only these actions exist. A delete while another action runs ends that action, in "
        "every state; a delete that can be undone is refused then. `changePassword` needs an image "
        "with `hw_qemu_guest_agent=yes` (409) and an agent that answers (501); the password has at "
        "most 255 characters. `trigger_crash_dump` is never repeated after an interruption. "
        "`injectNetworkInfo` makes the host read the ports again, and writes nothing into the "
        "guest."
    ),
    "servers/os-interface": (
        "an interface that the host cannot attach yet, because Neutron does not answer, is "
        "answered with 503 and attached later."
    ),
    "servers/os-volume_attachments": (
        "encrypted volumes are refused with 400. From 2.101 on, a POST does not wait for the host; "
        "but the volume is reserved before the response, so what Cinder refuses is refused at "
        "once. What the host refuses is a fault of the server, and its action has failed."
    ),
    "servers/shares": (
        "no host can attach a share, so a server has none: a request to attach one to a stopped "
        "server is refused with 409."
    ),
    "servers/os-instance-actions": (
        "the history has more events: the steps of an operation with their times (for "
        "administrators), and `recovery_…` events, which say what was recovered and why."
    ),
    "servers/diagnostics": (
        "a server on no host, one that does not run, and one whose host is of an older release are "
        "answered with 409. The fake driver has no counters: they are null."
    ),
    "servers/remote-consoles": (
        "see [Consoles](../operations/consoles.md). A server that does not run is answered with "
        "409, a type of console that its host has not enabled with 400."
    ),
    "servers/topology": (
        "`siblings` is empty: vCPUs of a guest are not shown as threads of one core."
    ),
    "os-instance_usage_audit_log": (
        "conductors audit the hosts, and only with `instance_usage_audit`; without it, every host "
        "is in `hosts_not_run`."
    ),
    "extensions": "only the extensions are listed that this API serves.",
    "os-server-groups": (
        "a group of another project is answered with 404. The policies of hard groups are kept by "
        "every claim of a host, also on a host that an administrator names."
    ),
    "images": (
        "this section and the following ones exist for old clients. `[api] enable_proxies` "
        "switches them off, and `/os-volumes_boot`, which is another path of `/servers` to 2.102. "
        "Requests are passed on with the user's token. In a cloud without the service they are "
        "answered with 404. Only properties of an image are its metadata, not the fields that "
        "Glance defines."
    ),
    "os-hosts": (
        "a host cannot be enabled, started, stopped or rebooted by its driver: 501, as of Nova's "
        "libvirt driver."
    ),
    "limits": (
        "the rates are always empty, and the used floating IPs and security groups are 0: "
        "they are Neutron's."
    ),
    "os-services": (
        "names of services begin with `nova-`, as clients expect, although the programs are "
        "`nova-mini-…`."
    ),
    "os-assisted-volume-snapshots": (
        "for Cinder. No host makes snapshots of volumes in files yet: a valid request is accepted, "
        "and the snapshot gets the status `error` (or `error_deleting`) in Cinder."
    ),
    "os-server-external-events": (
        "`power-update` and `accelerator-request-bound` are answered with 400 in the list, "
        "because no host acts on them."
    ),
}
