"""Options of the HTTP service."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "DEFAULT": [
        cfg.HostAddressOpt("osapi_compute_listen", default="127.0.0.1"),
        cfg.PortOpt("osapi_compute_listen_port", default=8774),
        cfg.IntOpt("osapi_compute_workers", default=2, min=1, help="Worker processes."),
        cfg.IntOpt("osapi_compute_threads", default=8, min=1, help="Threads per worker."),
        cfg.HostAddressOpt("metadata_listen", default="127.0.0.1"),
        cfg.PortOpt("metadata_listen_port", default=8775),
        cfg.ListOpt(
            "enabled_apis",
            default=["osapi_compute", "metadata"],
            help="What nova-mini-api serves: osapi_compute, metadata.",
        ),
    ],
    "wsgi": [
        cfg.StrOpt(
            "api_paste_config",
            default="api-paste.ini",
            help="The pipeline; looked up beside the configuration files.",
        ),
        cfg.IntOpt(
            "worker_timeout",
            default=30,
            min=2,
            help="Seconds without a sign of life after which a worker is killed and replaced.",
        ),
    ],
    "api": [
        cfg.StrOpt("auth_strategy", default="keystone", choices=["keystone", "noauth2"]),
        cfg.IntOpt("max_limit", default=1000, min=1, help="Items in one page of a list."),
        cfg.StrOpt(
            "compute_link_prefix",
            help="Base URL for links, where a proxy hides the address that users know.",
        ),
        cfg.StrOpt("glance_link_prefix", help="Base URL for links to images."),
        cfg.BoolOpt("use_forwarded_for", default=False),
        cfg.BoolOpt(
            "enable_instance_password",
            default=True,
            help="Tell the administrator's password in answers to create and rebuild.",
        ),
        cfg.IntOpt(
            "image_record_cache_time",
            default=5,
            min=0,
            mutable=True,
            help="Seconds for which what Glance said of an active image is believed.",
        ),
        cfg.IntOpt("metadata_cache_expiration", default=15, min=0, help="Seconds."),
        cfg.ListOpt(
            "instance_list_extra_filters",
            default=[],
            help="More filters that non-admins may use in lists.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
