"""[service_user]: the service token, with which a user's token is accepted after it has expired."""

from oslo_config import cfg

from nova_mini.conf._register import register

GROUP = "service_user"

OPTIONS: dict[str, list[cfg.Opt]] = {
    GROUP: [
        cfg.BoolOpt(
            "send_service_user_token",
            default=False,
            help="Send a service token with the user's token to Glance, Neutron and Cinder. They "
            "then accept the user's token even if it expires during a long operation.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
