"""[libvirt]: how this host reaches volumes."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "libvirt": [
        cfg.BoolOpt(
            "iscsi_use_qemu_initiator",
            default=False,
            help="Let QEMU itself speak iSCSI (libiscsi), for hosts whose kernel cannot; no block "
            "device appears on the host, and there is no multipath.",
        ),
        cfg.BoolOpt(
            "volume_use_multipath",
            default=False,
            help="Connect iSCSI and fibre channel volumes by all their paths (needs multipathd).",
        ),
        cfg.BoolOpt(
            "volume_enforce_multipath",
            default=False,
            help="Fail where multipathd does not run, instead of taking one path.",
        ),
        cfg.IntOpt(
            "num_volume_scan_tries",
            default=5,
            min=1,
            help="How often to look for the device of a volume that was connected.",
        ),
        cfg.StrOpt(
            "nfs_mount_point_base",
            default="$state_path/mnt",
            help="Folder in which NFS shares are mounted.",
        ),
        cfg.StrOpt("nfs_mount_options", help="Options of mount for NFS shares."),
        cfg.StrOpt(
            "rbd_user",
            help="cephx user with which volumes are read, where Cinder names none.",
        ),
        cfg.StrOpt(
            "rbd_secret_uuid",
            help="Secret of libvirt that holds this user's key, where Cinder names none.",
        ),
        cfg.StrOpt(
            "rbd_keyring",
            default="/etc/ceph/ceph.client.{user}.keyring",
            help="File with the cephx key of {user}, from which a secret is made that libvirt "
            "does not have yet.",
        ),
        cfg.DictOpt(
            "disk_cachemodes",
            default={},
            help="Cache mode of volumes, and of disks that are no files, by the type of their "
            "source (block, file, network), for example network=writeback. Others have none.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
