"""[libvirt]: disks of servers in logical volumes (images_type=lvm)."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "libvirt": [
        cfg.StrOpt(
            "images_volume_group",
            regex=r"^[A-Za-z0-9_+.][A-Za-z0-9_+.-]*$",
            help="Volume group of the disks of servers, with images_type=lvm.",
        ),
        cfg.StrOpt(
            "volume_clear",
            default="zero",
            choices=["zero", "shred", "none"],
            help="How a logical volume is cleared before it is removed: zero overwrites it with "
            "zeros, shred with random data three times. With none, a later server can read the "
            "data.",
        ),
        cfg.IntOpt(
            "volume_clear_size",
            default=0,
            min=0,
            help="MiB at the start of a logical volume that are cleared; 0 for all of it.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
