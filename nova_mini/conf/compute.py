"""Options of the compute service: its driver, resources, operations and periodic tasks."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "DEFAULT": [
        cfg.StrOpt(
            "compute_driver",
            default="libvirt.LibvirtDriver",
            help="libvirt.LibvirtDriver, or fake.FakeDriver for tests and benchmarks.",
        ),
        cfg.StrOpt(
            "instances_path",
            default="$state_path/instances",
            help="Directory of the files of servers and of the image cache.",
        ),
        cfg.BoolOpt(
            "vif_plugging_is_fatal",
            default=True,
            help="Fail a build if Neutron does not send network-vif-plugged for a port within "
            "vif_plugging_timeout.",
        ),
        cfg.IntOpt(
            "vif_plugging_timeout",
            default=120,
            min=0,
            help="Seconds to wait for Neutron's network-vif-plugged events; 0 does not wait.",
        ),
        cfg.FloatOpt(
            "cpu_allocation_ratio",
            default=4.0,
            min=0.1,
            help="vCPUs that servers may have for each CPU of the host that is not reserved. Above "
            "1.0 the host is overcommitted.",
        ),
        cfg.FloatOpt(
            "ram_allocation_ratio",
            default=1.0,
            min=0.1,
            help="Memory that servers may have for each MiB of the host that is not reserved. With "
            "the default the host is not overcommitted.",
        ),
        cfg.FloatOpt(
            "disk_allocation_ratio",
            default=1.0,
            min=0.1,
            help="Disk space that servers may have for each GiB of the host that is not reserved. "
            "With the default the host is not overcommitted.",
        ),
        cfg.IntOpt(
            "reserved_host_memory_mb",
            default=512,
            min=0,
            help="Memory, in MiB, that is kept for the host itself and not given to servers.",
        ),
        cfg.IntOpt(
            "reserved_host_disk_mb",
            default=0,
            min=0,
            help="Disk space, in MiB, that is kept for the host itself and not given to servers; "
            "rounded up to whole GiB.",
        ),
        cfg.IntOpt(
            "reserved_host_cpus",
            default=0,
            min=0,
            help="Number of CPUs that are kept for the host itself and not given to servers.",
        ),
        cfg.IntOpt(
            "update_resources_interval",
            default=60,
            min=1,
            help="Seconds between two reports of the host's resources.",
        ),
        cfg.IntOpt(
            "sync_power_state_interval",
            default=60,
            min=1,
            help="Seconds between two comparisons of the servers' power states with the "
            "hypervisor.",
        ),
        cfg.IntOpt(
            "heal_instance_info_cache_interval",
            default=60,
            help="Seconds between two refreshes of cached network information; 0 or less disables "
            "the refresh.",
        ),
        cfg.IntOpt(
            "shutdown_timeout",
            default=60,
            min=0,
            mutable=True,
            help="Seconds within which a guest must shut down before it is powered off. SIGHUP "
            "reloads it.",
        ),
        cfg.IntOpt(
            "max_action_attempts",
            default=30,
            min=1,
            help="Maximum number of attempts at an operation that is interrupted, because an "
            "external service is not available or the compute service is killed. After that the "
            "operation fails.",
        ),
        cfg.IntOpt(
            "resume_actions_interval",
            default=60,
            min=1,
            help="Seconds between two checks for operations that were requested of this host and "
            "that this process does not know of (their message was lost).",
        ),
        cfg.IntOpt(
            "reimage_timeout_per_gb",
            default=20,
            min=1,
            help="Seconds, for each GiB of a volume, within which Cinder must write an image to "
            "it.",
        ),
        cfg.IntOpt(
            "reclaim_instance_interval",
            default=0,
            min=0,
            help="Seconds for which a server that its user has deleted is kept, stopped, so that "
            "it can be restored. 0: a server is deleted at once. Read by the API, and by the "
            "conductors, which delete the servers in the end.",
        ),
        cfg.BoolOpt(
            "allow_resize_to_same_host",
            default=False,
            help="A resize may leave the server on its host. Otherwise it always moves the server "
            "to another host. Read by the conductors.",
        ),
        cfg.IntOpt(
            "resize_confirm_window",
            default=0,
            min=0,
            help="Seconds after which the conductors confirm a resize or a cold migration that its "
            "user has neither confirmed nor reverted; 0: never.",
        ),
        cfg.IntOpt(
            "shelved_offload_time",
            default=0,
            min=-1,
            mutable=True,
            help="Seconds for which a shelved server stays on its host, where it can be unshelved "
            "quickly. 0: it leaves the host at once. -1: it stays until an administrator offloads "
            "it. A server whose root disk is a volume always leaves at once. SIGHUP reloads it.",
        ),
        cfg.IntOpt(
            "shelved_poll_interval",
            default=3600,
            min=1,
            help="Seconds between two searches for servers whose shelved_offload_time has passed.",
        ),
        cfg.IntOpt(
            "max_concurrent_builds",
            default=10,
            min=0,
            help="Maximum number of concurrent builds of one compute service; 0 for no limit.",
        ),
        cfg.IntOpt(
            "max_concurrent_live_migrations",
            default=1,
            min=0,
            help="Maximum number of concurrent live migrations from one host; 0 for no limit. The "
            "others wait with the status queued.",
        ),
        cfg.StrOpt(
            "default_ephemeral_format",
            choices=["ext2", "ext3", "ext4", "xfs", "vfat", "ntfs"],
            help="File system of an ephemeral disk whose request names none.",
        ),
        cfg.BoolOpt(
            "force_config_drive",
            default=False,
            help="Give every server a config drive. If false, only a server whose request or image "
            "demands it gets one.",
        ),
        cfg.BoolOpt(
            "force_raw_images",
            default=True,
            help="Convert images to raw in the image cache. If false, qcow2 images are not "
            "converted.",
        ),
        cfg.StrOpt(
            "preallocate_images",
            default="none",
            choices=["none", "space"],
            help="space: allocate the whole size of a disk that is a file when it is created "
            "(fallocate). none: the file grows when the guest writes, so the host can run out of "
            "space.",
        ),
    ],
    "compute": [
        cfg.StrOpt(
            "cpu_shared_set",
            help="CPUs of the host that servers share, for example 0-3,^2,8. If it is not set: all "
            "CPUs, or none if cpu_dedicated_set is set.",
        ),
        cfg.StrOpt(
            "cpu_dedicated_set",
            help="CPUs of the host that are given to one server each (hw:cpu_policy=dedicated or "
            "mixed), for example 4-7. If it is not set: none.",
        ),
        cfg.StrOpt(
            "provider_config_location",
            default="/etc/nova-mini/provider_config/",
            help="Directory of *.yaml files that give traits of your own (CUSTOM_...) to hosts, in "
            "the form of Nova's provider.yaml. They are read when the service starts.",
        ),
        cfg.IntOpt(
            "max_disk_devices_to_attach",
            default=-1,
            min=-1,
            help="Maximum number of disks of one server, including volumes; -1 for as many as its "
            "bus supports.",
        ),
        cfg.BoolOpt(
            "live_migration_wait_for_vif_plug",
            default=True,
            help="Begin a live migration with 1 MiB per second, until Neutron has wired the ports "
            "in Open vSwitch at the destination, for at most 10 seconds. Without it, the guest can "
            "arrive before its network.",
        ),
    ],
    "fake": [
        cfg.IntOpt(
            "hosts",
            default=1,
            min=1,
            help="Number of hosts that one compute process simulates: <host>-1, <host>-2, ...",
        ),
        cfg.FloatOpt(
            "spawn_delay",
            default=0.0,
            min=0,
            help="Seconds that the fake driver takes to spawn a guest.",
        ),
        cfg.StrOpt(
            "faults",
            default="nobody",
            choices=[
                ("nobody", "there are none"),
                ("admins", "the API answers 403 to other users"),
                ("everyone", "all users"),
            ],
            help="Who may request faults of the fake driver, by metadata of a server that begins "
            "with fake:, as tests of clients do. Extra specs of a flavor with these names, which "
            "only administrators set, are followed in both cases. For the API and the computes.",
        ),
        cfg.IntOpt(
            "vcpus",
            default=1000,
            min=1,
            help="Number of CPUs that each host of the fake driver reports.",
        ),
        cfg.IntOpt(
            "memory_mb",
            default=8_000_000,
            min=1,
            help="Memory, in MiB, that each host of the fake driver reports.",
        ),
        cfg.IntOpt(
            "local_gb",
            default=600_000,
            min=1,
            help="Disk space, in GiB, that each host of the fake driver reports.",
        ),
        cfg.IntOpt(
            "numa_nodes",
            default=1,
            min=1,
            help="Number of NUMA nodes of each host of the fake driver. Its CPUs and memory are "
            "divided equally.",
        ),
        cfg.IntOpt(
            "threads_per_core",
            default=1,
            min=1,
            help="Number of CPUs that are threads of one core, of each host of the fake driver.",
        ),
        cfg.DictOpt(
            "huge_pages",
            default={},
            help="Huge pages of each NUMA node of a host of the fake driver: their size in KiB and "
            "how many there are, for example 2048:512. They are a part of its memory.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
