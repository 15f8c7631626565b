"""Options of the conductor."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "conductor": [
        cfg.IntOpt(
            "threads",
            default=16,
            min=2,
            help="Number of messages that one conductor processes concurrently. A higher number "
            "rarely helps, because the threads share one interpreter: for more throughput run more "
            "conductors.",
        ),
        cfg.IntOpt(
            "reconcile_interval",
            default=3,
            min=1,
            help="Seconds between two searches for actions whose owner is dead or whose message "
            "was lost.",
        ),
        cfg.IntOpt(
            "recast_after",
            default=5,
            min=1,
            help="Seconds after which the message of an action that no service has claimed is sent "
            "again.",
        ),
        cfg.IntOpt(
            "sweep_interval",
            default=60,
            min=1,
            help="Seconds between two searches for orphaned and inconsistent records, which are "
            "then corrected.",
        ),
        cfg.IntOpt(
            "purge_deleted_days",
            default=0,
            min=0,
            mutable=True,
            help="Days after which the records of a deleted server, with its history and faults, "
            "are removed for good; 0 for never. Usage reports, and lists with changes-since, no "
            "longer contain such servers. See nova-mini-manage db purge. SIGHUP reloads it.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
