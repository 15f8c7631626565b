"""[neutron]: where the network service is, who we are there, and the metadata proxy's secret."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "neutron"

OPTIONS = {
    GROUP: [
        cfg.IntOpt("http_retries", default=3, min=0,
                   help="Times that a request which may be repeated is repeated when the "
                        "connection fails."),
        cfg.StrOpt("ovs_bridge", default="br-int",
                   help="Integration bridge, where a port's binding does not name it."),
        cfg.BoolOpt("service_metadata_proxy", default=False,
                    help="Metadata requests come through Neutron's proxy, which says for whom."),
        cfg.StrOpt("metadata_proxy_shared_secret", default="", secret=True,
                   help="Proves that a metadata request comes from the proxy."),
    ]
}  # fmt: skip


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
