"""[cinder]: how volumes are created and attached. Endpoint and credentials: ``_service``."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "cinder"

OPTIONS = {
    GROUP: [
        cfg.IntOpt(
            "http_retries",
            default=3,
            min=0,
            help="Maximum number of retries of an idempotent request to Cinder after a connection "
            "error or a retryable status.",
        ),
        cfg.BoolOpt(
            "cross_az_attach",
            default=True,
            help="Allow a server to have volumes in another availability zone than its own.",
        ),
        cfg.IntOpt(
            "block_device_allocate_retries",
            default=300,
            min=0,
            help="Maximum number of times that the status of a new volume or snapshot is polled "
            "until it can be used.",
        ),
        cfg.FloatOpt(
            "block_device_allocate_retries_interval",
            default=1.0,
            min=0.0,
            help="Seconds between two such polls.",
        ),
        cfg.IntOpt(
            "volume_creating_timeout",
            default=180,
            min=1,
            help="Seconds after which a new volume or snapshot that is still in status creating "
            "counts as lost (Cinder's broker or database failed): it is force-deleted, and a "
            "server that is being built gets another volume. Set it higher where the backend needs "
            "longer to copy the source of a volume.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
