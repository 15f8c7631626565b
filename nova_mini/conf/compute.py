"""Options of the compute service: its driver, its instances, its periodic work."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "DEFAULT": [
        cfg.StrOpt(
            "compute_driver",
            default="libvirt.LibvirtDriver",
            help="libvirt.LibvirtDriver, or fake.FakeDriver for tests and benchmarks.",
        ),
        cfg.StrOpt(
            "instances_path",
            default="$state_path/instances",
            help="Where the files of instances and the image cache live.",
        ),
        cfg.BoolOpt(
            "vif_plugging_is_fatal",
            default=True,
            help="Fail a build when Neutron does not say in time that a port is wired.",
        ),
        cfg.IntOpt(
            "vif_plugging_timeout",
            default=120,
            min=0,
            help="Seconds to wait for Neutron's network-vif-plugged; 0 does not wait.",
        ),
        cfg.FloatOpt("cpu_allocation_ratio", default=4.0, min=0.1),
        cfg.FloatOpt("ram_allocation_ratio", default=1.0, min=0.1),
        cfg.FloatOpt("disk_allocation_ratio", default=1.0, min=0.1),
        cfg.IntOpt("reserved_host_memory_mb", default=512, min=0),
        cfg.IntOpt("reserved_host_disk_mb", default=0, min=0),
        cfg.IntOpt("reserved_host_cpus", default=0, min=0),
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
            help="Seconds between two comparisons of power states with the hypervisor.",
        ),
        cfg.IntOpt(
            "heal_instance_info_cache_interval",
            default=60,
            help="Seconds between two refreshes of cached network information; 0 for never.",
        ),
        cfg.IntOpt(
            "shutdown_timeout",
            default=60,
            min=0,
            mutable=True,
            help="Seconds that a guest gets to shut down before it is switched off.",
        ),
        cfg.IntOpt(
            "max_action_attempts",
            default=30,
            min=1,
            help="How often an operation that was interrupted (a neighbour away, the service "
            "killed) is taken up again before it counts as failed.",
        ),
        cfg.IntOpt(
            "resume_actions_interval",
            default=60,
            min=1,
            help="Seconds between two looks for operations that this host was asked for and does "
            "not know of.",
        ),
        cfg.IntOpt(
            "reimage_timeout_per_gb",
            default=20,
            min=1,
            help="Seconds for each GiB of a volume that Cinder may take to write an image into it.",
        ),
        cfg.IntOpt(
            "shelved_offload_time",
            default=0,
            min=-1,
            mutable=True,
            help="Seconds that a shelved server stays on its host, where it is quickly unshelved; "
            "with 0 it leaves at once, with -1 when an administrator offloads it. One that runs "
            "from a volume always leaves at once.",
        ),
        cfg.IntOpt(
            "shelved_poll_interval",
            default=3600,
            min=1,
            help="Seconds between two looks for servers whose shelved_offload_time is over.",
        ),
        cfg.IntOpt(
            "max_concurrent_builds",
            default=10,
            min=0,
            help="Builds that one compute runs at once; 0 for no limit.",
        ),
        cfg.StrOpt(
            "default_ephemeral_format",
            choices=["ext2", "ext3", "ext4", "xfs", "vfat"],
            help="File system of ephemeral disks that ask for none.",
        ),
        cfg.BoolOpt("force_config_drive", default=False),
        cfg.StrOpt("dhcp_domain", default="", help="Domain appended to host names in metadata."),
        cfg.BoolOpt("resume_guests_state_on_host_boot", default=False),
        cfg.BoolOpt("force_raw_images", default=True, help="Keep cached base images as raw."),
        cfg.StrOpt("preallocate_images", default="none", choices=["none", "space"]),
    ],
    "compute": [
        cfg.IntOpt(
            "max_disk_devices_to_attach",
            default=-1,
            min=-1,
            help="Disks that one server may have, its own and volumes; -1 for as many as its bus "
            "can take.",
        ),
    ],
    "fake": [
        cfg.IntOpt(
            "hosts", default=1, min=1, help="Hosts that one compute process plays: <host>-1, ..."
        ),
        cfg.FloatOpt(
            "spawn_delay", default=0.0, min=0, help="Seconds that the fake driver takes to spawn."
        ),
        cfg.IntOpt("vcpus", default=1000, min=1),
        cfg.IntOpt("memory_mb", default=8_000_000, min=1),
        cfg.IntOpt("local_gb", default=600_000, min=1),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
