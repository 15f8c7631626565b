"""RPC options in addition to those of oslo.messaging."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "DEFAULT": [
        cfg.IntOpt(
            "long_rpc_timeout",
            default=600,
            min=1,
            help="Timeout, in seconds, of RPC calls that wait for long work on a compute host, "
            "such as attaching an interface or caching images.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
