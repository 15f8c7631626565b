"""[libvirt], [image_cache] and [vnc]: how this host makes guests."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "libvirt": [
        cfg.StrOpt(
            "virt_type",
            default="kvm",
            choices=["kvm", "qemu"],
            help="kvm, or qemu for emulation where KVM is missing or does not work.",
        ),
        cfg.StrOpt("connection_uri", default="", help="Empty is qemu:///system."),
        cfg.StrOpt(
            "images_type",
            default="default",
            choices=["default", "raw", "flat", "qcow2", "rbd", "lvm"],
            help="How disks of instances are kept: qcow2 (the default) is an overlay on the cached "
            "image, raw and flat are a full copy of it; rbd is an image in Ceph, cloned from "
            "Glance's where that is in the same cluster; lvm is a logical volume of the host. It "
            "cannot change while the host has servers.",
        ),
        cfg.IntOpt(
            "inject_partition",
            default=-2,
            min=-2,
            help="Where files, key and password of a new server are written in its root disk, by "
            "libguestfs: the partition of that number, 0 a disk without partitions, -1 the root "
            "partition of the system that is found on it; -2 nowhere, as guests find the same in "
            "their config drive. Not for disks in Ceph.",
        ),
        cfg.BoolOpt(
            "inject_key",
            default=False,
            help="Write the server's key into its disk, for root. See inject_partition.",
        ),
        cfg.BoolOpt(
            "inject_password",
            default=False,
            help="Set root's password in the server's disk to the one that its user was told. See "
            "inject_partition.",
        ),
        cfg.StrOpt(
            "cpu_mode",
            choices=["host-model", "host-passthrough", "custom", "none"],
            help="CPU that guests see; unset is host-model with kvm and none (QEMU's own choice) "
            "with qemu.",
        ),
        cfg.StrOpt("cpu_model", help="Model for cpu_mode=custom, by libvirt's name."),
        cfg.DictOpt(
            "hw_machine_type",
            default={},
            help="Machine type by architecture, for example x86_64:q35. An image's "
            "hw_machine_type wins.",
        ),
        cfg.IntOpt(
            "tb_cache_size",
            min=1,
            help="MiB of translated code that an emulated (qemu) guest may keep. Unset is QEMU's "
            "own choice, which is far more memory than a tiny guest needs.",
        ),
        cfg.IntOpt(
            "wait_soft_reboot_seconds",
            default=120,
            min=0,
            help="Seconds that a guest gets to shut down in a soft reboot before a hard one.",
        ),
        cfg.IntOpt(
            "mem_stats_period_seconds",
            default=10,
            min=0,
            help="Seconds between two memory statistics of the balloon; 0 for none.",
        ),
        cfg.StrOpt(
            "rng_dev_path", default="/dev/urandom", help="Where guests' entropy comes from."
        ),
        cfg.StrOpt(
            "snapshot_image_format",
            choices=["raw", "qcow2"],
            help="Format of uploaded snapshots; unset is that of the server's disk.",
        ),
        cfg.StrOpt(
            "snapshots_directory",
            default="$instances_path/snapshots",
            help="Where snapshots are made before they are uploaded. Emptied when the service "
            "starts.",
        ),
        cfg.IntOpt(
            "device_detach_attempts",
            default=8,
            min=1,
            help="How often a guest is asked to let go of a device.",
        ),
        cfg.IntOpt(
            "device_detach_timeout",
            default=20,
            min=1,
            help="Seconds to wait for the guest's answer each time.",
        ),
    ],
    "image_cache": [
        cfg.StrOpt(
            "subdirectory_name",
            default="_base",
            help="Folder of cached images below instances_path.",
        ),
        cfg.IntOpt(
            "manager_interval",
            default=2400,
            min=1,
            help="Seconds between two looks for cached images that nobody uses.",
        ),
        cfg.IntOpt(
            "precache_concurrency",
            default=1,
            min=1,
            help="How many hosts at a time fetch the images that an administrator wants on all "
            "hosts of an aggregate.",
        ),
        cfg.BoolOpt("remove_unused_base_images", default=True),
        cfg.IntOpt(
            "remove_unused_original_minimum_age_seconds",
            default=24 * 3600,
            min=0,
            help="Cached images that nothing has used for so long are removed.",
        ),
    ],
    "vnc": [
        cfg.BoolOpt("enabled", default=True, help="Give guests a screen and a VNC server."),
        cfg.HostAddressOpt(
            "server_listen", default="127.0.0.1", help="Address that guests' VNC servers bind."
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
