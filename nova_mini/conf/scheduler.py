"""Options of the scheduler."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "scheduler": [
        cfg.IntOpt(
            "max_attempts",
            default=3,
            min=1,
            help="Maximum number of hosts that are tried for one build. If all of them fail, the "
            "server goes to ERROR.",
        ),
        cfg.FloatOpt(
            "host_refresh_interval",
            default=1.0,
            min=0,
            help="Seconds for which the scheduler caches the state of the hosts.",
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
                "ServerGroupAntiAffinityFilter",
                "ServerGroupAffinityFilter",
                "NUMATopologyFilter",
            ],
            help="Class names of the filters that a host must pass to get a server.",
        ),
        cfg.ListOpt(
            "weight_classes",
            default=[
                "RAMWeigher",
                "CPUWeigher",
                "DiskWeigher",
                "IoOpsWeigher",
                "NumInstancesWeigher",
                "BuildFailureWeigher",
                "ServerGroupSoftAffinityWeigher",
                "ServerGroupSoftAntiAffinityWeigher",
            ],
            help="Class names of the weighers that rank the hosts which pass the filters. The "
            "multiplier of each is an option below; the metadata of an aggregate may set it for "
            "the aggregate's hosts, under the option's name. The smallest value of several "
            "aggregates counts.",
        ),
        cfg.FloatOpt(
            "ram_weight_multiplier",
            default=1.0,
            help="Weight of free memory. Above 0, servers are spread over the hosts; below 0, they "
            "are stacked; 0 ignores free memory.",
        ),
        cfg.FloatOpt(
            "cpu_weight_multiplier",
            default=1.0,
            help="Weight of free vCPUs; see ram_weight_multiplier.",
        ),
        cfg.FloatOpt(
            "disk_weight_multiplier",
            default=1.0,
            help="Weight of free disk space; see ram_weight_multiplier.",
        ),
        cfg.FloatOpt(
            "io_ops_weight_multiplier",
            default=-1.0,
            help="Weight of the servers on a host that are being built, rebuilt, unshelved, or "
            "copied to an image. With the default, hosts with few of them are preferred.",
        ),
        cfg.FloatOpt(
            "num_instances_weight_multiplier",
            default=0.0,
            help="Weight of the number of servers on a host. Above 0, servers are stacked; below "
            "0, they are spread; 0 ignores the number.",
        ),
        cfg.FloatOpt(
            "build_failure_weight_multiplier",
            default=1_000_000.0,
            help="Weight of the builds that failed on a host since the last successful one. With "
            "the default, such a host is chosen only when there is no other.",
        ),
        cfg.FloatOpt(
            "soft_affinity_weight_multiplier",
            default=1.0,
            min=0,
            help="Weight of the members of a server group with the policy soft-affinity that are "
            "on a host. The larger it is, the more it counts against the other weighers.",
        ),
        cfg.FloatOpt(
            "soft_anti_affinity_weight_multiplier",
            default=1.0,
            min=0,
            help="The same for the policy soft-anti-affinity: hosts with few members are better.",
        ),
        cfg.IntOpt(
            "max_instances_per_host",
            default=50,
            min=1,
            help="NumInstancesFilter: a host with so many servers gets no more. For "
            "AggregateNumInstancesFilter the metadata of an aggregate may have another value "
            "under this name; the smallest counts.",
        ),
        cfg.IntOpt(
            "max_io_ops_per_host",
            default=8,
            min=0,
            help="IoOpsFilter: a host on which so many servers are being built, rebuilt, "
            "unshelved, or copied to an image gets no more. For AggregateIoOpsFilter the metadata "
            "of an aggregate may have another value under this name; the smallest counts.",
        ),
        cfg.ListOpt(
            "isolated_hosts",
            default=[],
            help="IsolatedHostsFilter: names of the hosts for the images of isolated_images.",
        ),
        cfg.ListOpt(
            "isolated_images",
            default=[],
            help="IsolatedHostsFilter: IDs of the images that only the hosts of isolated_hosts "
            "may run. The apis need it too, for rebuilds.",
        ),
        cfg.BoolOpt(
            "restrict_isolated_hosts_to_isolated_images",
            default=True,
            help="IsolatedHostsFilter: the hosts of isolated_hosts run no other images, and no "
            "server whose root disk is a volume.",
        ),
        cfg.StrOpt(
            "aggregate_image_properties_isolation_namespace",
            help="AggregateImagePropertiesIsolation: only properties that begin with this text "
            "and the separator are compared. The default compares all.",
        ),
        cfg.StrOpt(
            "aggregate_image_properties_isolation_separator",
            default=".",
            help="AggregateImagePropertiesIsolation: stands after the namespace.",
        ),
        cfg.IntOpt(
            "host_subset_size",
            default=1,
            min=1,
            help="The host is chosen at random from this number of best hosts. With the default "
            "the best host is chosen.",
        ),
        cfg.BoolOpt(
            "shuffle_best_same_weighed_hosts",
            default=False,
            help="Choose at random among the best hosts that have equal weights, instead of always "
            "the first of them.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
