"""[libvirt]: disks of instances in Ceph. (``rbd_user`` and its secret stand with the volumes.)"""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "libvirt": [
        cfg.StrOpt(
            "images_rbd_pool",
            default="rbd",
            help="Pool of the disks of instances, with images_type=rbd.",
        ),
        cfg.StrOpt(
            "images_rbd_ceph_conf",
            default="",
            help="Configuration file of the Ceph cluster; empty is where librados looks by itself.",
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
            help="How often to try to remove an image that somebody still has open: the watch of a "
            "process that was killed lingers for half a minute.",
        ),
        cfg.IntOpt(
            "rbd_destroy_volume_retry_interval",
            default=5,
            min=1,
            help="Seconds between these tries.",
        ),
    ],
    "image_cache": [
        cfg.BoolOpt(
            "keep_imported_images",
            default=True,
            help="Keep a cached image after it was imported into Ceph, for the next instance of "
            "it.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
