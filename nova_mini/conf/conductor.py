"""Options of the conductor."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "conductor": [
        cfg.IntOpt(
            "threads",
            default=16,
            min=2,
            help="Messages that one conductor works on at once. More than this only makes them "
            "wait for each other: for more work at once run more conductors.",
        ),
        cfg.IntOpt(
            "reconcile_interval",
            default=3,
            min=1,
            help="Seconds between two looks for actions whose owner is dead or whose message "
            "was lost.",
        ),
        cfg.IntOpt(
            "recast_after",
            default=5,
            min=1,
            help="Seconds after which an action that nobody has taken up is sent again.",
        ),
        cfg.IntOpt(
            "sweep_interval",
            default=60,
            min=1,
            help="Seconds between two sweeps of records that nobody owns.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
