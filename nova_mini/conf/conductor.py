"""Options of the conductor."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "conductor": [
        cfg.IntOpt(
            "threads",
            default=16,
            min=2,
            help="Number of messages that one conductor processes concurrently. A higher number "
            "rarely helps, because the threads share one interpreter: for more throughput run more "
            "conductors.",
        ),
        cfg.IntOpt(
            "reconcile_interval",
            default=3,
            min=1,
            help="Seconds between two searches for actions whose owner is dead or whose message "
            "was lost.",
        ),
        cfg.IntOpt(
            "recast_after",
            default=5,
            min=1,
            help="Seconds after which the message of an action that no service has claimed is sent "
            "again.",
        ),
        cfg.IntOpt(
            "sweep_interval",
            default=60,
            min=1,
            help="Seconds between two searches for orphaned and inconsistent records, which are "
            "then corrected.",
        ),
        cfg.StrOpt(
            "fence_command",
            default="",
            help="Absolute path of a program that cuts a host off from power, for evacuations. It "
            "is run without a shell, with the name of the host as its only argument, before the "
            "servers of a host that is down start elsewhere. Exit status 0 says that the host runs "
            "no guest any more. If empty, none is run.",
        ),
        cfg.IntOpt(
            "fence_timeout",
            default=60,
            min=1,
            help="Seconds after which fence_command, and a request to Ceph for its blocklist, are "
            "ended and have failed.",
        ),
        cfg.StrOpt(
            "fence_ceph_user",
            default="",
            help="cephx user, without the prefix client., with which conductors put the Ceph "
            "clients of a host on the blocklist before its servers start elsewhere. It needs the "
            "capabilities mon 'allow r, allow command \"osd blocklist\"'. If empty, the blocklist "
            "is not used. For evacuate_after, it also needs osd 'profile rbd-read-only' for the "
            "pool of the disks.",
        ),
        cfg.StrOpt(
            "fence_ceph_conf",
            default="/etc/ceph/ceph.conf",
            help="Configuration file of the Ceph cluster for fence_ceph_user. It, or librados' "
            "default paths, name the keyring.",
        ),
        cfg.IntOpt(
            "evacuate_after",
            default=0,
            min=0,
            help="Seconds without a heartbeat after which servers of a host that ask for it are "
            "evacuated without a request, if a witness agrees that the host is dead, and it can be "
            "fenced; but never before service_down_time. A server asks with the metadata "
            "nova_mini:evacuate=true, its own or that of an aggregate of its host. 0: never.",
        ),
        cfg.IntOpt(
            "max_evacuating_hosts",
            default=1,
            min=1,
            help="Number of dead hosts whose servers may be evacuated at the same time without a "
            "request. If more hosts are silent, none is evacuated: a switch may have failed.",
        ),
        cfg.PortOpt(
            "witness_port",
            default=22,
            help="TCP port of hosts, at their my_ip, with which a conductor tests whether a silent "
            "host is dead. A refused connection is a sign of life, too. 0: no test; then only Ceph "
            "is a witness.",
        ),
        cfg.IntOpt(
            "purge_deleted_days",
            default=0,
            min=0,
            mutable=True,
            help="Days after which the records of a deleted server, with its history and faults, "
            "are removed for good; 0 for never. Usage reports, and lists with changes-since, no "
            "longer contain such servers. See nova-mini-manage db purge. SIGHUP reloads it.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
