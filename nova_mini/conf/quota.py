"""[quota]: default limits; see ``nova_mini.quota``. -1 is no limit."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "quota": [
        cfg.StrOpt(
            "driver",
            default="nova.quota.DbQuotaDriver",
            choices=[
                "nova.quota.DbQuotaDriver",
                "nova.quota.UnifiedLimitsDriver",
                "nova.quota.NoopQuotaDriver",
            ],
            help="Where limits are kept. DbQuotaDriver: in the database, set by os-quota-sets. "
            "UnifiedLimitsDriver: in Keystone, which is asked with the credentials and the "
            "endpoint_id in [oslo_limit]. NoopQuotaDriver: there are no limits.",
        ),
        cfg.StrOpt(
            "unified_limits_resource_strategy",
            default="require",
            choices=["require", "ignore"],
            help="Which resources need a registered limit in Keystone. require: those in "
            "unified_limits_resource_list; others without one have no limit. ignore: all others; "
            "those in the list have no limit without one. The limit of a resource that needs one "
            "and has none is 0. For the driver UnifiedLimitsDriver.",
        ),
        cfg.ListOpt(
            "unified_limits_resource_list",
            default=["servers"],
            help="Names of resources in Keystone, see unified_limits_resource_strategy.",
        ),
        cfg.IntOpt(
            "instances",
            default=10,
            min=-1,
            help="Maximum number of servers of a project; -1 for no limit.",
        ),
        cfg.IntOpt(
            "cores",
            default=20,
            min=-1,
            help="Maximum number of vCPUs of all servers of a project; -1 for no limit.",
        ),
        cfg.IntOpt(
            "ram",
            default=50 * 1024,
            min=-1,
            help="Maximum memory of all servers of a project, in MiB; -1 for no limit.",
        ),
        cfg.IntOpt(
            "metadata_items",
            default=128,
            min=-1,
            help="Maximum number of metadata items of a server; -1 for no limit.",
        ),
        cfg.IntOpt(
            "injected_files",
            default=5,
            min=-1,
            help="Maximum number of files (personality) in one request; -1 for no limit.",
        ),
        cfg.IntOpt(
            "injected_file_content_bytes",
            default=10 * 1024,
            min=-1,
            help="Maximum size of each injected file, in bytes; -1 for no limit.",
        ),
        cfg.IntOpt(
            "injected_file_path_length",
            default=255,
            min=-1,
            help="Maximum length of the path of each injected file; -1 for no limit.",
        ),
        cfg.IntOpt(
            "key_pairs",
            default=100,
            min=-1,
            help="Maximum number of key pairs of a user; -1 for no limit.",
        ),
        cfg.IntOpt(
            "server_groups",
            default=10,
            min=-1,
            help="Maximum number of server groups of a project; -1 for no limit.",
        ),
        cfg.IntOpt(
            "server_group_members",
            default=10,
            min=-1,
            help="Maximum number of servers that one user may have in a server group; -1 for no "
            "limit.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
