"""The extra specs of flavors."""

from __future__ import annotations

from nova_mini.guest_options import defaults, filters, placement_names, vtpm
from nova_mini.guest_options.option import (
    Option,
    Refusal,
    Registry,
    ignored,
    one_of,
    refused,
    supported,
)
from nova_mini.guest_options.shared_options import LIBVIRT, PCI, of_flavors
from nova_mini.guest_options.value_types import (
    BOOLEAN,
    CPUS,
    INTEGER,
    NOT_NEGATIVE,
    TEXT,
    Choice,
    Pattern,
)

SCHEDULER = "scheduler"

VMWARE = "it belongs to the VMware driver"
RESOURCES = "hosts have no other resources than vCPUs, memory and disk"

_GROUP = ("group", r"([a-zA-Z0-9_-]{1,64})?")
_NAME = r"[A-Z0-9_]+"
TRAIT_NEED = Choice(("required", "forbidden"))

# The capabilities of a host that ComputeCapabilitiesFilter can compare, by Nova's names. Those of
# the first group are the same for all hosts of one make; cpu_info has nested keys.
CAPABILITIES_OF_THE_MAKE = ("cpu_info", "hypervisor_type", "hypervisor_version")
CAPABILITIES_OF_HOSTS = (
    "free_disk_mb",
    "free_ram_mb",
    "host",
    "nodename",
    "num_instances",
    "num_io_ops",
    "total_usable_disk_gb",
    "total_usable_ram_mb",
    "vcpus_total",
    "vcpus_used",
)
# Other capabilities that Nova's filter can compare.
_OTHER_CAPABILITIES = (
    "id",
    "uuid",
    "service_id",
    "vcpus",
    "memory_mb",
    "local_gb",
    "memory_mb_used",
    "local_gb_used",
    "hypervisor_hostname",
    "free_disk_gb",
    "current_workload",
    "running_vms",
    "disk_available_least",
    "host_ip",
    "mapped",
    "cpu_allocation_ratio",
    "ram_allocation_ratio",
    "disk_allocation_ratio",
    "disk_mb_used",
    "failed_builds",
    "aggregates",
    "cell_uuid",
    "updated",
)
_OTHER_NESTED_CAPABILITIES = (
    "metrics",
    "stats",
    "numa_topology",
    "supported_hv_specs",
    "pci_device_pools",
    "pci_stats",
    "supported_instances",
    "limits",
    "instances",
)
# Those that Nova's filter also accepts without the scope "capabilities".
_OTHERS_WITHOUT_SCOPE = (
    "uuid",
    "hypervisor_hostname",
    "host_ip",
    "cpu_allocation_ratio",
    "ram_allocation_ratio",
    "disk_allocation_ratio",
    "disk_mb_used",
    "failed_builds",
    "aggregates",
    "cell_uuid",
    "updated",
    "metrics",
    "stats",
    "numa_topology",
    "pci_stats",
    "supported_instances",
    "limits",
    "instances",
)
_KEYS = (("keys", r"(:\w+)*"),)


def _hardware() -> list[Option]:
    return [
        *of_flavors(),
        refused("hw:cpu_realtime", BOOLEAN, "real-time CPUs are not supported", defaults.off),
        supported("hw:hide_hypervisor_id", BOOLEAN, LIBVIRT),
        supported("hw:emulator_threads_policy", Choice(("isolate", "share")), filters.NUMA),
        supported("hw:cpu_dedicated_mask", CPUS, filters.NUMA),
        refused(
            "hw:pmem",
            Pattern(r"[a-zA-Z0-9_]+(,[a-zA-Z0-9_]+)*,?"),
            "persistent memory is not supported",
        ),
        supported(
            "hw:tpm_secret_security",
            Choice(vtpm.OWNERS),
            "key manager",
            is_default=vtpm.is_owner_supported,
            reason=f"supported: {vtpm.OWNER_USER}; a server with a TPM cannot move while it runs",
        ),
        supported("hw_rng:allowed", BOOLEAN, LIBVIRT),
        supported("hw_rng:rate_bytes", NOT_NEGATIVE, LIBVIRT),
        supported("hw_rng:rate_period", NOT_NEGATIVE, LIBVIRT),
        supported("hw_video:ram_max_mb", NOT_NEGATIVE, SCHEDULER),
        supported("os:secure_boot", Choice(("disabled", "required")), LIBVIRT),
        refused(
            "pci_passthrough:alias",
            Pattern(r"[^:]+:\d+(\s*,\s*[^:,\s][^:]*:\d+)*"),
            PCI,
            refusal=Refusal.BAD_REQUEST,
        ),
        refused("accel:device_profile", TEXT, "accelerators are not supported"),
        supported("hide_hypervisor_id", BOOLEAN, LIBVIRT),
    ]


def _quotas() -> list[Option]:
    limits = [
        supported(f"quota:cpu_{name}", NOT_NEGATIVE, LIBVIRT) for name in ("shares", "period")
    ]
    limits.append(supported("quota:cpu_quota", INTEGER, LIBVIRT))
    for direction in ("read", "write", "total"):
        for unit in ("bytes", "iops"):
            limits.append(supported(f"quota:disk_{direction}_{unit}_sec", NOT_NEGATIVE, LIBVIRT))
    for direction in ("inbound", "outbound"):
        for kind in ("average", "peak", "burst"):
            limits.append(supported(f"quota:vif_{direction}_{kind}", NOT_NEGATIVE, LIBVIRT))
    for resource in ("cpu", "memory", "disk_io", "vif"):
        for kind in ("limit", "reservation", "shares_share"):
            limits.append(refused(f"quota:{resource}_{kind}", INTEGER, VMWARE, defaults.zero))
        limits.append(refused(f"quota:{resource}_shares_level", TEXT, VMWARE, one_of("normal")))
    return limits


def _capabilities() -> list[Option]:
    """With the scope ``capabilities`` and without a scope. Nova's API validates only the former."""
    unknown = "hosts do not report it"
    found = []
    for name in (*CAPABILITIES_OF_THE_MAKE, *CAPABILITIES_OF_HOSTS):
        found.append(supported(f"capabilities:{name}", TEXT, filters.CAPABILITIES))
        found.append(supported(name, TEXT, filters.CAPABILITIES, is_validated=False))
    for name in _OTHER_CAPABILITIES:
        found.append(refused(f"capabilities:{name}", TEXT, unknown))
    for name in _OTHERS_WITHOUT_SCOPE:
        found.append(refused(name, TEXT, unknown, is_validated=False))
    found.append(supported("capabilities:cpu_info{keys}", TEXT, filters.CAPABILITIES, parts=_KEYS))
    for name in (*_OTHER_NESTED_CAPABILITIES, "nodename"):
        found.append(refused(f"capabilities:{name}{{keys}}", TEXT, unknown, parts=_KEYS))
    return found


def _placement() -> list[Option]:
    """Resources and traits, which Nova requests from its Placement service."""
    amounts = {"VCPU": "vcpus", "MEMORY_MB": "memory_mb", "DISK_GB": "local_gb"}
    return [
        *(
            refused(
                f"resources:{resource}",
                INTEGER,
                "a flavor's own amounts cannot be replaced",
                defaults.amount_of_flavor(amount),
            )
            for resource, amount in amounts.items()
        ),
        refused(
            "resources{group}:{resource}",
            INTEGER,
            RESOURCES,
            defaults.zero,
            parts=(_GROUP, ("resource", _NAME)),
            has_name=placement_names.is_resource_class,
        ),
        # No host has it: one whose service is disabled takes no servers.
        supported("trait:COMPUTE_STATUS_DISABLED", TRAIT_NEED, SCHEDULER, only=("forbidden",)),
        supported(
            "trait:{trait}",
            TRAIT_NEED,
            SCHEDULER,
            parts=(("trait", _NAME),),
            has_name=placement_names.is_trait,
        ),
        refused(
            "trait{group}:{trait}",
            TRAIT_NEED,
            "a host has all its traits together; request them without a group",
            parts=(_GROUP, ("trait", _NAME)),
            has_name=placement_names.is_trait,
        ),
        ignored("group_policy", Choice(("isolate", "none")), "belongs to numbered resources"),
    ]


def _aggregates() -> list[Option]:
    key = "aggregate_instance_extra_specs:{name}"
    return [supported(key, TEXT, filters.AGGREGATES, parts=(("name", r".+"),))]


def _of_other_drivers() -> list[Option]:
    return [
        refused("vmware:hw_version", TEXT, VMWARE),
        refused("vmware:storage_policy", TEXT, VMWARE),
    ]


EXTRA_SPECS = Registry(
    [
        *_hardware(),
        *_quotas(),
        *_capabilities(),
        *_placement(),
        *_aggregates(),
        *_of_other_drivers(),
    ]
)
