"""[service_user]: the token of ours that vouches for a user's, which may have expired meanwhile."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "service_user"

OPTIONS = {
    GROUP: [
        cfg.BoolOpt("send_service_user_token", default=False,
                    help="Send our own token beside the user's to Glance, Neutron and Cinder."),
    ]
}  # fmt: skip


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
