"""The tables.

A row of ``instances`` contains everything that a list of servers shows, so that a page of servers
is one query. Tags, faults and devices have their own tables.

Sizes are in MiB if the name contains ``memory`` or ``ram``, else in GiB.
"""

from __future__ import annotations

import sqlalchemy as sa

from nova_mini.db.columns import JsonText, LongText, Name, Timestamp, Uuid, metadata, table

instances = table(
    "instances",
    sa.Column("uuid", Uuid, nullable=False, unique=True),
    sa.Column("deleted", sa.Boolean, nullable=False, default=False),
    sa.Column("deleted_at", Timestamp),
    sa.Column("project_id", Name, nullable=False),
    sa.Column("user_id", Name, nullable=False),
    # description
    sa.Column("display_name", Name),
    sa.Column("display_description", Name),
    sa.Column("hostname", Name),
    sa.Column("reservation_id", Name),
    sa.Column("launch_index", sa.Integer, nullable=False, default=0),
    sa.Column("flavor", LongText, nullable=False),
    sa.Column("instance_type_id", sa.Integer, nullable=False),  # the ID of the flavor, for filters
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("root_gb", sa.Integer, nullable=False),
    sa.Column("ephemeral_gb", sa.Integer, nullable=False),
    sa.Column("image_ref", Name),
    sa.Column("kernel_id", Name),
    sa.Column("ramdisk_id", Name),
    sa.Column("os_type", Name),
    sa.Column("architecture", Name),
    sa.Column("key_name", Name),
    sa.Column("key_data", LongText),
    sa.Column("user_data", LongText),
    sa.Column("config_drive", Name),
    sa.Column("auto_disk_config", sa.Boolean, nullable=False, default=False),
    sa.Column("access_ip_v4", sa.String(39)),
    sa.Column("access_ip_v6", sa.String(39)),
    sa.Column("metadata", JsonText, nullable=False),
    sa.Column("system_metadata", JsonText, nullable=False),
    sa.Column("security_groups", JsonText, nullable=False),
    sa.Column("network_info", LongText, nullable=False),
    sa.Column("root_device_name", Name),
    sa.Column("default_ephemeral_device", Name),
    sa.Column("default_swap_device", Name),
    # state
    sa.Column("vm_state", sa.String(32), nullable=False),
    sa.Column("task_state", sa.String(64)),
    sa.Column("power_state", sa.Integer, nullable=False, default=0),
    sa.Column("progress", sa.Integer, nullable=False, default=0),
    sa.Column("locked", sa.Boolean, nullable=False, default=False),
    sa.Column("locked_by", sa.String(16)),  # owner or admin
    sa.Column("locked_reason", Name),
    sa.Column("launched_at", Timestamp),
    sa.Column("terminated_at", Timestamp),
    # location; pinned_availability_zone: as requested
    sa.Column("availability_zone", Name),
    sa.Column("pinned_availability_zone", Name),
    sa.Column("host", Name),
    sa.Column("node", Name),
    sa.Column("launched_on", Name),
    sa.Column("numa_topology", JsonText),  # if it has one: see ``numa.guest``
    # Increased by every change of the row: see ``db.instance_updates.update``.
    sa.Column("revision", sa.Integer, nullable=False, default=0, server_default="0"),
    # The two orders in which pages of servers are read: of one project, and of all projects.
    sa.Index(None, "project_id", "deleted", "created_at", "id"),
    sa.Index(None, "deleted", "created_at", "id"),
    sa.Index(None, "host", "deleted"),
    sa.Index(None, "reservation_id"),
    sa.Index(None, "updated_at"),
    sa.Index(None, "deleted_at"),
)

tags = sa.Table(
    "tags",
    metadata,
    sa.Column("resource_id", Uuid, primary_key=True),
    sa.Column("tag", sa.String(80), primary_key=True),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)

instance_faults = table(
    "instance_faults",
    sa.Column("instance_uuid", Uuid, nullable=False),
    sa.Column("code", sa.Integer, nullable=False),
    sa.Column("message", Name),
    sa.Column("details", LongText),
    sa.Column("host", Name),
    sa.Index(None, "instance_uuid", "created_at"),
)

# Actions, which os-instance-actions shows. An unfinished action is also the intent, by which an
# operation is resumed after a crash: ``method`` and ``args`` say what to do, ``host`` where (NULL:
# in any conductor), ``owner`` is the incarnation that executes it now (NULL: none).
instance_actions = table(
    "instance_actions",
    sa.Column("instance_uuid", Uuid, nullable=False),
    sa.Column("action", Name, nullable=False),
    sa.Column("request_id", Name),
    sa.Column("user_id", Name),
    sa.Column("project_id", Name),
    sa.Column("start_time", Timestamp, nullable=False),
    sa.Column("finish_time", Timestamp),
    sa.Column("message", Name),
    sa.Column("method", Name),
    sa.Column("args", JsonText),
    sa.Column("args_version", sa.Integer),
    sa.Column("host", Name),
    sa.Column("owner", Uuid),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("sent_at", Timestamp),
    sa.Index(None, "instance_uuid", "request_id"),
    sa.Index(None, "finish_time", "host"),
    sa.Index(None, "updated_at"),
)

instance_actions_events = table(
    "instance_actions_events",
    sa.Column("action_id", sa.Integer, nullable=False),
    sa.Column("event", Name, nullable=False),
    sa.Column("start_time", Timestamp, nullable=False),
    sa.Column("finish_time", Timestamp),
    sa.Column("result", Name),
    sa.Column("traceback", LongText),
    sa.Column("host", Name),
    sa.Column("details", LongText),
    sa.Index(None, "action_id"),
)

block_device_mapping = table(
    "block_device_mapping",
    sa.Column("uuid", Uuid, nullable=False, unique=True),
    sa.Column("instance_uuid", Uuid, nullable=False),
    sa.Column("source_type", sa.String(16), nullable=False),
    sa.Column("destination_type", sa.String(16), nullable=False),
    sa.Column("guest_format", sa.String(255)),
    sa.Column("device_type", sa.String(16)),
    sa.Column("disk_bus", sa.String(16)),
    sa.Column("boot_index", sa.Integer),
    sa.Column("device_name", Name),
    sa.Column("delete_on_termination", sa.Boolean, nullable=False, default=False),
    sa.Column("snapshot_id", Uuid),
    sa.Column("volume_id", Uuid),
    sa.Column("volume_size", sa.Integer),
    sa.Column("volume_type", Name),
    sa.Column("image_id", Uuid),
    sa.Column("attachment_id", Uuid),
    sa.Column("connection_info", LongText),
    sa.Column("tag", Name),
    sa.Index(None, "instance_uuid"),
    sa.Index(None, "volume_id"),
)

request_specs = table(
    "request_specs",
    sa.Column("instance_uuid", Uuid, nullable=False, unique=True),
    sa.Column("spec", JsonText, nullable=False),
)

flavors = table(
    "flavors",
    sa.Column("flavorid", Name, nullable=False, unique=True),
    sa.Column("name", Name, nullable=False, unique=True),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("root_gb", sa.Integer, nullable=False),
    sa.Column("ephemeral_gb", sa.Integer, nullable=False, default=0),
    sa.Column("swap", sa.Integer, nullable=False, default=0),
    sa.Column("rxtx_factor", sa.Float, nullable=False, default=1.0),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("is_public", sa.Boolean, nullable=False, default=True),
    sa.Column("description", sa.Text),
    sa.Column("extra_specs", JsonText, nullable=False),
)

flavor_projects = sa.Table(
    "flavor_projects",
    metadata,
    sa.Column("flavor_id", sa.ForeignKey("flavors.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("project_id", Name, primary_key=True),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)

key_pairs = table(
    "key_pairs",
    sa.Column("user_id", Name, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("type", sa.String(16), nullable=False),
    sa.Column("fingerprint", Name, nullable=False),
    sa.Column("public_key", LongText, nullable=False),
    sa.UniqueConstraint("user_id", "name"),
)

COMPUTE_TOPIC = "compute"  # ``services.topic`` of the computes

# The processes of nova_mini. ``incarnation`` is a new UUID at each start: an action whose owner is
# no current incarnation has lost its owner.
services = table(
    "services",
    sa.Column("uuid", Uuid, nullable=False, unique=True),
    sa.Column("host", Name, nullable=False),
    sa.Column("binary", Name, nullable=False),
    sa.Column("topic", Name, nullable=False),
    sa.Column("incarnation", Uuid, nullable=False, index=True),
    sa.Column("report_count", sa.Integer, nullable=False, default=0),
    sa.Column("last_seen_up", Timestamp),
    sa.Column("available", sa.Boolean, nullable=False, default=True),
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("disabled_reason", Name),
    sa.Column("forced_down", sa.Boolean, nullable=False, default=False),
    sa.Column("version", sa.Integer, nullable=False, default=0),
    sa.Column("fence", JsonText),  # of a compute: see ``fences``
    sa.UniqueConstraint("host", "binary"),
)

# The hypervisors and their ledgers. ``*_used`` is the sum of the allocations, and is changed only
# together with them, by conditional updates, so that schedulers cannot oversubscribe a host.
# ``ledger_at``: time of the last change of ``*_used``; ``updated_at``: time of the last report of
# the host. Ratios are doubles so that schedulers and the database calculate the same limits.
compute_nodes = table(
    "compute_nodes",
    sa.Column("uuid", Uuid, nullable=False, unique=True),
    sa.Column("host", Name, nullable=False, unique=True),
    sa.Column("hypervisor_hostname", Name, nullable=False),
    sa.Column("hypervisor_type", Name, nullable=False),
    sa.Column("hypervisor_version", sa.Integer, nullable=False),
    sa.Column("host_ip", sa.String(39)),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("local_gb", sa.Integer, nullable=False),
    sa.Column("reserved_vcpus", sa.Integer, nullable=False, default=0),
    sa.Column("reserved_memory_mb", sa.Integer, nullable=False, default=0),
    sa.Column("reserved_gb", sa.Integer, nullable=False, default=0),
    sa.Column("cpu_allocation_ratio", sa.Double, nullable=False),
    sa.Column("ram_allocation_ratio", sa.Double, nullable=False),
    sa.Column("disk_allocation_ratio", sa.Double, nullable=False),
    sa.Column("vcpus_used", sa.Integer, nullable=False, default=0),
    sa.Column("memory_mb_used", sa.Integer, nullable=False, default=0),
    sa.Column("local_gb_used", sa.Integer, nullable=False, default=0),
    sa.Column("running_vms", sa.Integer, nullable=False, default=0),
    sa.Column("ledger_at", Timestamp),
    sa.Column("disk_available_least", sa.Integer),
    sa.Column("disk_pool", Name),  # if the host shares its storage: see ``disk_pools``
    sa.Column("failed_builds", sa.Integer, nullable=False, default=0),
    sa.Column("cpu_info", JsonText),
    sa.Column("supported_instances", JsonText),
    sa.Column("traits", JsonText),  # names
    sa.Column("numa_topology", LongText),  # JSON, with what is used: see ``numa.host``
    sa.Column("ceph_addresses", JsonText),  # of the host's clients of Ceph, as ["192.0.2.7"]
    sa.Column("uptime", Name),
    sa.Index(None, "updated_at"),
    sa.Index(None, "ledger_at"),
    sa.Index(None, "disk_pool"),
)

# See ``console_tokens``. ``token_hash``: SHA-256. ``action_id``: the newest action of the server
# when the token was requested. ``compute_host``: the host of the server.
console_tokens = table(
    "console_tokens",
    sa.Column("token_hash", sa.String(64), nullable=False, unique=True),
    sa.Column("instance_uuid", Uuid, nullable=False),
    sa.Column("action_id", sa.Integer, nullable=False),
    sa.Column("console_type", sa.String(32), nullable=False),
    sa.Column("compute_host", Name, nullable=False),
    sa.Column("host", Name, nullable=False),
    sa.Column("port", sa.Integer, nullable=False),
    sa.Column("tls_port", sa.Integer),
    sa.Column("access_url_base", sa.String(512), nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
    sa.Index(None, "instance_uuid"),
    sa.Index(None, "expires_at"),
)

# Storage that several hosts share. ``limit_gb``: what all of them together may claim. A claim of
# disk space locks the row.
disk_pools = table(
    "disk_pools",
    sa.Column("name", Name, nullable=False, unique=True),
    sa.Column("limit_gb", sa.Double, nullable=False),
)

allocations = table(
    "allocations",
    sa.Column("consumer_uuid", Uuid, nullable=False, unique=True),
    sa.Column("host", Name, nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("local_gb", sa.Integer, nullable=False),
    sa.Index(None, "host"),
)

# Moves of servers to another host or flavor. While one is open (its status has not ended), the
# allocation at the source has the UUID of the migration as its consumer, and that at the
# destination the UUID of the server. ``vcpus`` and ``memory_mb``: what the quota counts for the
# server while the migration is open, the larger of both flavors. ``memory_total`` to
# ``disk_remaining``: how far a live migration is, in bytes.
migrations = table(
    "migrations",
    sa.Column("uuid", Uuid, nullable=False, unique=True),
    sa.Column("instance_uuid", Uuid, nullable=False),
    sa.Column("migration_type", sa.String(16), nullable=False),
    sa.Column("status", sa.String(32), nullable=False),
    sa.Column("source_compute", Name, nullable=False),
    sa.Column("source_node", Name),
    sa.Column("dest_compute", Name),
    sa.Column("dest_node", Name),
    sa.Column("dest_host", sa.String(39)),
    sa.Column("source_zone", Name),
    sa.Column("dest_zone", Name),
    sa.Column("user_id", Name),
    sa.Column("project_id", Name),
    sa.Column("old_flavor", JsonText, nullable=False),
    sa.Column("new_flavor", JsonText, nullable=False),
    sa.Column("old_vm_state", sa.String(32), nullable=False),
    sa.Column("vcpus", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer, nullable=False),
    sa.Column("memory_total", sa.BigInteger),
    sa.Column("memory_processed", sa.BigInteger),
    sa.Column("memory_remaining", sa.BigInteger),
    sa.Column("disk_total", sa.BigInteger),
    sa.Column("disk_processed", sa.BigInteger),
    sa.Column("disk_remaining", sa.BigInteger),
    sa.Column("numa_topologies", JsonText),  # of the server: {"old": ..., "new": ...}
    sa.Column("requested", sa.String(16)),  # of a live migration: abort or force_complete
    sa.Index(None, "instance_uuid", "status"),
    sa.Index(None, "source_compute", "status"),
    sa.Index(None, "dest_compute", "status"),
    sa.Index(None, "status", "updated_at"),
    sa.Index(None, "updated_at"),
)

# Server groups. ``rules``: {"max_server_per_host": n} of an anti-affinity group, or {}. A claim for
# a member locks the row of its group.
instance_groups = table(
    "instance_groups",
    sa.Column("uuid", Uuid, nullable=False, unique=True),
    sa.Column("project_id", Name, nullable=False),
    sa.Column("user_id", Name, nullable=False),
    sa.Column("name", Name, nullable=False),
    sa.Column("policy", sa.String(32), nullable=False),
    sa.Column("rules", JsonText, nullable=False),
    sa.Index(None, "project_id"),
)

# The servers of each group. A server joins its group when it is created, and leaves it when it is
# deleted.
instance_group_members = table(
    "instance_group_members",
    sa.Column("instance_uuid", Uuid, nullable=False, unique=True),
    sa.Column("group_id", sa.ForeignKey("instance_groups.id", ondelete="CASCADE"), nullable=False),
    sa.Index(None, "group_id"),
)

aggregates = table(
    "aggregates",
    sa.Column("uuid", Uuid, nullable=False, unique=True),
    sa.Column("name", Name, nullable=False, unique=True),
    sa.Column("metadata", JsonText, nullable=False),
)

aggregate_hosts = sa.Table(
    "aggregate_hosts",
    metadata,
    sa.Column("aggregate_id", sa.ForeignKey("aggregates.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("host", Name, primary_key=True),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)

# The limit of a project (``user_id`` is ''), of a user in a project, or of a quota class
# (``project_id`` and ``user_id`` are '').
quotas = table(
    "quotas",
    sa.Column("project_id", Name, nullable=False, default=""),
    sa.Column("user_id", sa.String(64), nullable=False, default=""),
    sa.Column("quota_class", sa.String(64), nullable=False, default=""),
    sa.Column("resource", sa.String(64), nullable=False),
    sa.Column("hard_limit", sa.Integer, nullable=False),
    sa.UniqueConstraint("project_id", "user_id", "quota_class", "resource"),
)

# The usage of each project. It is changed only together with the instances.
project_usages = sa.Table(
    "project_usages",
    metadata,
    sa.Column("project_id", Name, primary_key=True),
    sa.Column("instances", sa.Integer, nullable=False),
    sa.Column("cores", sa.Integer, nullable=False),
    sa.Column("ram", sa.Integer, nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)

# For which periods the servers of a host were reported: see ``usage_audits``.
usage_audits = table(
    "usage_audits",
    sa.Column("period_begin", Timestamp, nullable=False),
    sa.Column("period_end", Timestamp, nullable=False),
    sa.Column("host", Name, nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("servers", sa.Integer, nullable=False),
    sa.Column("errors", sa.Integer, nullable=False),
    sa.Column("message", sa.String(255), nullable=False),
    sa.UniqueConstraint("period_begin", "period_end", "host"),
)

# Work that only one of several equal processes may do at a time.
leases = sa.Table(
    "leases",
    metadata,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("owner", Uuid, nullable=False),
    sa.Column("expires_at", Timestamp, nullable=False),
    mysql_engine="InnoDB",
    mysql_charset="utf8mb4",
)
