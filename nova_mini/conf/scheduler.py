"""Options of the scheduler."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "scheduler": [
        cfg.IntOpt(
            "max_attempts",
            default=3,
            min=1,
            help="Hosts that are tried for one build before the server is in ERROR.",
        ),
        cfg.FloatOpt(
            "host_refresh_interval",
            default=1.0,
            min=0,
            help="Seconds for which what is known of the hosts is fresh enough.",
        ),
    ],
    "filter_scheduler": [
        cfg.ListOpt(
            "enabled_filters",
            default=[
                "ComputeFilter",
                "AvailabilityZoneFilter",
                "ComputeCapabilitiesFilter",
                "ImagePropertiesFilter",
                "DifferentHostFilter",
                "SameHostFilter",
            ],
            help="What a host must pass to get a server, by class name.",
        ),
        cfg.ListOpt(
            "weight_classes",
            default=["RAMWeigher", "CPUWeigher", "DiskWeigher", "BuildFailureWeigher"],
            help="What makes one host better than another, by class name.",
        ),
        cfg.FloatOpt(
            "ram_weight_multiplier",
            default=1.0,
            help="How much free memory counts; below 0, servers are stacked instead of spread.",
        ),
        cfg.FloatOpt("cpu_weight_multiplier", default=1.0, help="The same for free vCPUs."),
        cfg.FloatOpt("disk_weight_multiplier", default=1.0, help="The same for free disk."),
        cfg.FloatOpt(
            "build_failure_weight_multiplier",
            default=1_000_000.0,
            help="How much a host is avoided for builds that failed on it since one went well.",
        ),
        cfg.IntOpt(
            "host_subset_size",
            default=1,
            min=1,
            help="The choice is random among so many of the best hosts.",
        ),
        cfg.BoolOpt(
            "shuffle_best_same_weighed_hosts",
            default=False,
            help="Choose at random among equally good hosts, not always the first of them.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
