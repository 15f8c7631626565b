"""Options of nova-mini-api: the Compute API and the metadata service."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "DEFAULT": [
        cfg.HostAddressOpt(
            "osapi_compute_listen",
            default="127.0.0.1",
            help="Address on which the Compute API listens. With the default only clients on the "
            "same host can reach it.",
        ),
        cfg.PortOpt(
            "osapi_compute_listen_port",
            default=8774,
            help="TCP port on which the Compute API listens.",
        ),
        cfg.IntOpt(
            "osapi_compute_workers",
            default=2,
            min=1,
            help="Worker processes of nova-mini-api. Each one serves all of enabled_apis.",
        ),
        cfg.IntOpt(
            "osapi_compute_threads",
            default=8,
            min=1,
            help="Threads in each worker that answer requests to the Compute API.",
        ),
        cfg.HostAddressOpt(
            "metadata_listen",
            default="127.0.0.1",
            help="Address on which the metadata service listens. Neutron's metadata agents must "
            "be able to reach it; with the default only those on the same host can.",
        ),
        cfg.PortOpt(
            "metadata_listen_port",
            default=8775,
            help="TCP port on which the metadata service listens.",
        ),
        cfg.IntOpt(
            "metadata_threads",
            default=4,
            min=1,
            help="Threads in each worker that answer requests to the metadata service.",
        ),
        cfg.ListOpt(
            "enabled_apis",
            default=["osapi_compute", "metadata"],
            help="APIs that nova-mini-api serves: osapi_compute, metadata.",
        ),
    ],
    "wsgi": [
        cfg.StrOpt(
            "api_paste_config",
            default="api-paste.ini",
            help="Paste configuration file with the WSGI pipelines. A relative path is looked up "
            "beside the configuration files.",
        ),
        cfg.IntOpt(
            "worker_timeout",
            default=30,
            min=2,
            help="Seconds after which a worker that gives no sign of life is killed and replaced.",
        ),
        cfg.IntOpt(
            "client_header_timeout",
            default=10,
            min=1,
            help="Seconds within which a client must send the head (request line and headers) of a "
            "request.",
        ),
        cfg.IntOpt(
            "client_body_timeout",
            default=30,
            min=1,
            help="Seconds within which a client must send the body of a request.",
        ),
        cfg.IntOpt(
            "send_timeout",
            default=60,
            min=1,
            help="Seconds within which a client must read a response.",
        ),
        cfg.IntOpt(
            "keepalive_timeout",
            default=75,
            min=1,
            help="Seconds for which an idle connection is kept open after a response. Set it "
            "higher than the keep-alive timeout of a proxy in front of the API.",
        ),
        cfg.IntOpt(
            "max_connections",
            default=2000,
            min=16,
            help="Maximum number of open connections of each worker to each of enabled_apis. At "
            "the limit, a new connection replaces the one that has been waiting longest.",
        ),
    ],
    "api": [
        cfg.StrOpt(
            "auth_strategy",
            default="keystone",
            choices=["keystone", "noauth2"],
            help="How requests are authenticated. keystone: by a token that Keystone verifies. "
            "noauth2: not at all, for tests only; the token is USER:PROJECT, and the user admin is "
            "an administrator.",
        ),
        cfg.BoolOpt(
            "enable_proxies",
            default=True,
            help="Serve the parts of the API that ended in microversions 2.36 to 2.44 and pass "
            "requests on to Glance, Neutron and Cinder (images, os-networks, os-floating-ips, "
            "os-security-groups, os-volumes, os-snapshots and others), and os-hosts. If false, "
            "they are answered with 404.",
        ),
        cfg.IntOpt(
            "max_limit",
            default=1000,
            min=1,
            help="Maximum number of items in one page of a list.",
        ),
        cfg.StrOpt(
            "compute_link_prefix",
            help="Base URL of the links in responses. Set it where a proxy hides the address that "
            "users know; unset, links are made from the URL of the request.",
        ),
        cfg.StrOpt(
            "glance_link_prefix",
            help="Base URL of links to images. Unset, these links point to the Compute API.",
        ),
        cfg.BoolOpt(
            "use_forwarded_for",
            default=False,
            help="Take a client's address from the X-Forwarded-For header. Set it only behind a "
            "proxy that always sets this header, because a client could send a false one.",
        ),
        cfg.BoolOpt(
            "enable_instance_password",
            default=True,
            help="Show the administrator's password (adminPass) in the responses to create and "
            "rebuild.",
        ),
        cfg.IntOpt(
            "image_record_cache_time",
            default=5,
            min=0,
            mutable=True,
            help="Seconds for which the API caches the record of an active image; 0 does not "
            "cache. SIGHUP reloads it.",
        ),
        cfg.IntOpt(
            "metadata_cache_expiration",
            default=15,
            min=0,
            help="Seconds for which the metadata service caches the metadata of a server; 0 does "
            "not cache. A guest may see a change that much later.",
        ),
        cfg.StrOpt(
            "dhcp_domain",
            default="novalocal",
            deprecated_group="DEFAULT",
            help="Domain that is appended to host names in metadata and config drives. Empty means "
            "none.",
        ),
        cfg.ListOpt(
            "instance_list_extra_filters",
            default=[],
            help="Additional filters that users other than administrators may use in lists of "
            "servers.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
