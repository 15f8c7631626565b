"""[neutron]: ports and the metadata proxy. Endpoint and credentials: ``_service``."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "neutron"

OPTIONS = {
    GROUP: [
        cfg.IntOpt(
            "http_retries",
            default=3,
            min=0,
            help="Maximum number of retries of an idempotent request to Neutron after a connection "
            "error or a retryable status.",
        ),
        cfg.StrOpt(
            "default_floating_pool",
            default="nova",
            help="External network, by name or id, from which os-floating-ips allocates an address "
            "when a request names no pool.",
        ),
        cfg.StrOpt(
            "ovs_bridge",
            default="br-int",
            help="Integration bridge of a port whose binding names none.",
        ),
        cfg.BoolOpt(
            "service_metadata_proxy",
            default=False,
            help="Metadata requests come from Neutron's metadata proxy, which names the server in "
            "a signed header. If false, the address of the request identifies the server.",
        ),
        cfg.StrOpt(
            "metadata_proxy_shared_secret",
            default="",
            secret=True,
            help="Secret with which Neutron's metadata proxy signs its requests. It must be the "
            "same in Neutron's configuration; while it is empty, all requests are refused.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
