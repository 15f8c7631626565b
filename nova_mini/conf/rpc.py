"""Options of the message bus beside oslo.messaging's own."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "DEFAULT": [
        cfg.IntOpt(
            "long_rpc_timeout",
            default=600,
            min=1,
            help="Seconds for calls that wait for real work.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
