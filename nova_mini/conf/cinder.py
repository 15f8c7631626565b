"""[cinder]: where the volume service is, who we are there, and how volumes are attached."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "cinder"

OPTIONS = {
    GROUP: [
        cfg.IntOpt("http_retries", default=3, min=0,
                   help="Times that a request which may be repeated is repeated when the "
                        "connection fails."),
        cfg.BoolOpt("cross_az_attach", default=True,
                    help="Servers may have volumes of another availability zone."),
        cfg.IntOpt("block_device_allocate_retries", default=300, min=0,
                   help="How often a new volume is looked at until it can be used."),
        cfg.FloatOpt("block_device_allocate_retries_interval", default=1.0, min=0.0,
                     help="Seconds between two such looks."),
        cfg.IntOpt("volume_creating_timeout", default=180, min=1,
                   help="Seconds after which a new volume or snapshot that is still in status "
                        "creating counts as one whose order was lost: it is deleted by force, and "
                        "a server that is being built gets another. More, where the backend takes "
                        "longer to copy what a volume is made from."),
    ],
}  # fmt: skip


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
