"""[DEFAULT]: options of every service: its name, its address, its files, its heartbeat."""

import socket

from oslo_config import cfg

OPTIONS = {
    "DEFAULT": [
        cfg.HostAddressOpt(
            "host",
            default=socket.gethostname(),
            sample_default="<hostname>",
            help="Name of this service in the cloud. It identifies the service's queue, its record "
            "and its locks, so it must be unique among the services of one kind.",
        ),
        cfg.HostAddressOpt(
            "my_ip",
            default="127.0.0.1",
            help="Address of this host on the management network.",
        ),
        cfg.StrOpt(
            "state_path",
            default="/var/lib/nova-mini",
            help="Top directory of the files that a service keeps.",
        ),
        cfg.StrOpt(
            "default_availability_zone",
            default="nova",
            help="Availability zone of a compute host that is in no aggregate with a zone.",
        ),
        cfg.StrOpt(
            "default_schedule_zone",
            help="Availability zone of a new server whose request names none. Unset, the server "
            "may be built in any zone.",
        ),
        cfg.IntOpt(
            "service_down_time",
            default=60,
            min=2,
            help="Seconds without a heartbeat after which a service is considered down.",
        ),
        cfg.IntOpt(
            "report_interval",
            default=10,
            min=1,
            help="Seconds between two heartbeats of a service.",
        ),
        cfg.IntOpt(
            "graceful_shutdown_timeout",
            default=60,
            min=0,
            help="Seconds for which a service that is being stopped waits for its running "
            "operations and requests. An operation that has not finished by then is resumed when "
            "the service starts again.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    conf.register_opts(OPTIONS["DEFAULT"])
