"""[libvirt]: disks of servers in Ceph (images_type=rbd). The cephx user: ``libvirt_volume``."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "libvirt": [
        cfg.StrOpt(
            "images_rbd_pool",
            default="rbd",
            help="Pool of the disks of servers, with images_type=rbd.",
        ),
        cfg.StrOpt(
            "images_rbd_ceph_conf",
            default="",
            help="Configuration file of the Ceph cluster. If empty, librados searches its default "
            "paths.",
        ),
        cfg.IntOpt(
            "rbd_connect_timeout",
            default=5,
            min=1,
            help="Seconds to wait for a monitor of the Ceph cluster when connecting to it.",
        ),
        cfg.IntOpt(
            "rbd_destroy_volume_retries",
            default=12,
            min=1,
            help="Maximum number of attempts to remove an RBD image that is still in use. The "
            "watch of a process that was killed lasts half a minute.",
        ),
        cfg.IntOpt(
            "rbd_destroy_volume_retry_interval",
            default=5,
            min=1,
            help="Seconds between two such attempts.",
        ),
    ],
    "image_cache": [
        cfg.BoolOpt(
            "keep_imported_images",
            default=True,
            help="Keep a cached image after it was imported into Ceph, for the next server that is "
            "made from it.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
