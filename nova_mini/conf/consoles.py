"""[vnc], [spice], [serial_console], [console] and [consoleauth]: consoles of guests."""

from __future__ import annotations

from oslo_config import cfg
from oslo_config import types as cfg_types

from nova_mini.conf._register import register

_PORT_RANGE = cfg_types.String(regex=r"^\d{1,5}:\d{1,5}$")


def _listening_host(option: str, proxy: str) -> cfg.Opt:
    return cfg.HostAddressOpt(
        option, default="0.0.0.0", help=f"Address on which {proxy} listens for browsers."
    )


def _proxyclient_address(option: str, kind: str) -> cfg.Opt:
    return cfg.HostAddressOpt(
        option,
        default="127.0.0.1",
        help=f"Address of this host to which the proxies connect for a {kind} console. Read by the "
        "compute of the host.",
    )


OPTIONS: dict[str, list[cfg.Opt]] = {
    "DEFAULT": [
        cfg.BoolOpt(
            "ssl_only",
            default=False,
            help="Refuse browsers that connect to a console proxy without TLS.",
        ),
        cfg.StrOpt(
            "cert",
            help="File with the certificate of the console proxies. If unset, they speak no TLS.",
        ),
        cfg.StrOpt(
            "key", help="File with the key of this certificate. If unset, it is in the same file."
        ),
        cfg.StrOpt(
            "web",
            help="Directory with the pages that a console proxy serves. If unset: "
            "/usr/share/novnc for nova-mini-novncproxy, /usr/share/spice-html5 for "
            "nova-mini-spicehtml5proxy, none for nova-mini-serialproxy.",
        ),
    ],
    "console": [
        cfg.ListOpt(
            "allowed_origins",
            default=[],
            help="Host names from whose pages browsers may open consoles, besides the name in the "
            "URL of the proxy.",
        ),
        cfg.StrOpt(
            "ssl_ciphers",
            help="Ciphers that the console proxies accept for TLS up to 1.2, as OpenSSL names "
            "them. If unset, Python's default.",
        ),
        cfg.StrOpt(
            "ssl_minimum_version",
            default="default",
            choices=["default", "tlsv1_2", "tlsv1_3"],
            help="Lowest version of TLS that the console proxies accept.",
        ),
    ],
    "consoleauth": [
        cfg.IntOpt(
            "token_ttl",
            default=600,
            min=1,
            help="Seconds for which the URL of a console can be opened. A console that is open "
            "stays open.",
        ),
    ],
    "vnc": [
        cfg.BoolOpt(
            "enabled",
            default=False,
            help="Give guests a graphics device and a VNC server. Off by default, because every "
            "program that can connect to the VNC server can read the screen and type, unless QEMU "
            "requires TLS (auth_schemes). A change takes effect for a running guest at its next "
            "hard reboot.",
        ),
        cfg.HostAddressOpt(
            "server_listen",
            default="127.0.0.1",
            help="Address on which the VNC servers of guests listen if enabled is true.",
        ),
        _proxyclient_address("server_proxyclient_address", "VNC"),
        cfg.URIOpt(
            "novncproxy_base_url",
            default="http://127.0.0.1:6080/vnc_auto.html",
            help="URL of the page that shows a VNC console, as users reach it.",
        ),
        _listening_host("novncproxy_host", "nova-mini-novncproxy"),
        cfg.PortOpt(
            "novncproxy_port",
            default=6080,
            help="TCP port at which nova-mini-novncproxy listens for browsers.",
        ),
        cfg.ListOpt(
            "auth_schemes",
            default=["none"],
            item_type=cfg_types.String(choices=["none", "vencrypt"]),
            help="How nova-mini-novncproxy authenticates to the VNC servers of guests; the first "
            "one that the server offers is used. none: not at all. vencrypt: TLS, with "
            "certificates on both sides; QEMU must be configured for it.",
        ),
        cfg.StrOpt(
            "vencrypt_client_key",
            help="File with the key of the proxy's certificate, for auth_schemes=vencrypt.",
        ),
        cfg.StrOpt(
            "vencrypt_client_cert",
            help="File with the certificate that the proxy shows to VNC servers.",
        ),
        cfg.StrOpt(
            "vencrypt_ca_certs",
            help="File with the certificates of the authorities that sign those of VNC servers. "
            "If unset, the system's.",
        ),
    ],
    "spice": [
        cfg.BoolOpt(
            "enabled",
            default=False,
            help="Give guests a graphics device and a SPICE server. A change takes effect for a "
            "running guest at its next hard reboot.",
        ),
        cfg.BoolOpt(
            "agent_enabled",
            default=True,
            help="Give guests with SPICE the channel of the SPICE agent (clipboard, resolution).",
        ),
        cfg.HostAddressOpt(
            "server_listen",
            default="127.0.0.1",
            help="Address on which the SPICE servers of guests listen if enabled is true.",
        ),
        _proxyclient_address("server_proxyclient_address", "SPICE"),
        cfg.BoolOpt(
            "require_secure",
            default=False,
            help="Refuse SPICE connections without TLS. QEMU must have a certificate. The HTML5 "
            "client cannot connect then.",
        ),
        cfg.URIOpt(
            "html5proxy_base_url",
            default="http://127.0.0.1:6082/spice_auto.html",
            help="URL of the page that shows a SPICE console, as users reach it.",
        ),
        _listening_host("html5proxy_host", "nova-mini-spicehtml5proxy"),
        cfg.PortOpt(
            "html5proxy_port",
            default=6082,
            help="TCP port at which nova-mini-spicehtml5proxy listens for browsers.",
        ),
        cfg.URIOpt(
            "spice_direct_proxy_base_url",
            default="http://127.0.0.1:13002/nova",
            help="URL of a program outside of nova_mini that reads a console token of the type "
            "spice-direct from the Compute API and lets a SPICE client connect.",
        ),
    ],
    "serial_console": [
        cfg.BoolOpt(
            "enabled",
            default=False,
            help="Let users type into the serial console of guests. Its port on the host has no "
            "password, so that it must be reachable for the proxies only. A change takes effect "
            "for a running guest at its next hard reboot. The log of the console is kept in both "
            "cases.",
        ),
        cfg.URIOpt(
            "base_url",
            default="ws://127.0.0.1:6083/",
            help="URL of nova-mini-serialproxy, as users reach it.",
        ),
        cfg.Opt(
            "port_range",
            type=_PORT_RANGE,
            default="10000:20000",
            help="First and last TCP port for serial consoles on a host.",
        ),
        _proxyclient_address("proxyclient_address", "serial"),
        _listening_host("serialproxy_host", "nova-mini-serialproxy"),
        cfg.PortOpt(
            "serialproxy_port",
            default=6083,
            help="TCP port at which nova-mini-serialproxy listens for browsers.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
