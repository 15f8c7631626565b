"""[glance]: how images are requested. Endpoint and credentials: ``_service``."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "glance"

OPTIONS: dict[str, list[cfg.Opt]] = {
    GROUP: [
        cfg.IntOpt(
            "num_retries",
            default=3,
            min=0,
            help="Maximum number of retries of a request to Glance after a connection error or a "
            "retryable status.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
