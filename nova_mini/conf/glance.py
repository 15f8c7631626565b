"""[glance]: where the image service is, and who we are there when no user asks."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "glance"

OPTIONS = {
    GROUP: [
        cfg.IntOpt("num_retries", default=3, min=0,
                   help="Times that a request is repeated when the connection fails."),
    ]
}  # fmt: skip


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
