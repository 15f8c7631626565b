"""[libvirt]: how this host connects volumes."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "libvirt": [
        cfg.BoolOpt(
            "iscsi_use_qemu_initiator",
            default=False,
            help="Let QEMU connect to iSCSI targets itself (libiscsi), for hosts whose kernel has "
            "no initiator. The host then has no block device, and multipath is not possible.",
        ),
        cfg.BoolOpt(
            "volume_use_multipath",
            default=False,
            help="Connect iSCSI and Fibre Channel volumes through all their paths (needs "
            "multipathd).",
        ),
        cfg.BoolOpt(
            "volume_enforce_multipath",
            default=False,
            help="Fail if multipathd does not run, instead of using a single path.",
        ),
        cfg.IntOpt(
            "num_volume_scan_tries",
            default=5,
            min=1,
            help="Maximum number of scans for the block device of a connected volume.",
        ),
        cfg.StrOpt(
            "nfs_mount_point_base",
            default="$state_path/mnt",
            help="Directory in which NFS shares are mounted.",
        ),
        cfg.StrOpt(
            "nfs_mount_options",
            help="Options for mount (its -o) for NFS shares. Unset, there are none.",
        ),
        cfg.StrOpt(
            "rbd_user",
            help="cephx user for disks in Ceph, and for volumes for which Cinder names none.",
        ),
        cfg.StrOpt(
            "rbd_secret_uuid",
            help="UUID of the libvirt secret that holds the key of rbd_user. Used for volumes if "
            "Cinder names none.",
        ),
        cfg.StrOpt(
            "rbd_keyring",
            default="/etc/ceph/ceph.client.{user}.keyring",
            help="File with the cephx key of {user}. If libvirt does not have the secret, it is "
            "made from this file.",
        ),
        cfg.DictOpt(
            "disk_cachemodes",
            default={},
            help="Cache mode by type of source (block, file, network), for example "
            "network=writeback: for volumes, and for disks in logical volumes and in Ceph. A type "
            "that is not listed has the mode none.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
