"""[DEFAULT]: who this process is and where it keeps its files."""

import socket

from oslo_config import cfg

OPTIONS = {
    "DEFAULT": [
        cfg.HostAddressOpt(
            "host",
            default=socket.gethostname(),
            sample_default="<hostname>",
            help="Name of this service in the cloud. Two processes of one kind must not share it: "
            "it is their queue, their row in services and their part of the locks.",
        ),
        cfg.HostAddressOpt(
            "my_ip",
            default="127.0.0.1",
            help="Address of this host on the management network.",
        ),
        cfg.StrOpt("state_path", default="/var/lib/nova-mini", help="Top folder of our state."),
        cfg.StrOpt(
            "default_availability_zone",
            default="nova",
            help="Zone of a host that is in no aggregate with a zone.",
        ),
        cfg.StrOpt(
            "default_schedule_zone",
            help="Zone for servers that ask for none; unset means any.",
        ),
        cfg.IntOpt(
            "service_down_time",
            default=60,
            min=2,
            help="A service that has not reported for so long (seconds) is down.",
        ),
        cfg.IntOpt(
            "report_interval", default=10, min=1, help="Seconds between two reports of a service."
        ),
        cfg.IntOpt(
            "graceful_shutdown_timeout",
            default=60,
            min=0,
            help="Seconds that a stopping service gives to what it is running; what is not done "
            "by then is taken up again by its successor.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTIONS["DEFAULT"])
