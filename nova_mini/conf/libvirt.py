"""[libvirt] and [image_cache]: how this host runs guests."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "libvirt": [
        cfg.StrOpt(
            "virt_type",
            default="kvm",
            choices=["kvm", "qemu"],
            help="kvm, or qemu for emulation on a host where KVM does not work.",
        ),
        cfg.StrOpt(
            "connection_uri",
            default="",
            help="URI of the libvirt daemon; empty for qemu:///system.",
        ),
        cfg.StrOpt(
            "live_migration_uri",
            help="URI of the libvirt of a destination, for the libvirt of the source; %s stands "
            "for the address of the destination. Unset, it is made of live_migration_scheme.",
        ),
        cfg.StrOpt(
            "live_migration_scheme",
            default="ssh",
            choices=["ssh", "tcp", "tls"],
            help="How the libvirt of a source reaches that of a destination, if "
            "live_migration_uri is unset. With ssh, root of each host must be able to log in to "
            "the others.",
        ),
        cfg.HostAddressOpt(
            "live_migration_inbound_addr",
            help="Address at which this host receives guests; unset, it is my_ip.",
        ),
        cfg.BoolOpt(
            "live_migration_with_native_tls",
            default=False,
            help="Let QEMU encrypt the memory and the disks of guests that leave this host. All "
            "hosts must have the same value, and certificates in the folder "
            "migrate_tls_x509_cert_dir of libvirt's qemu.conf.",
        ),
        cfg.IntOpt(
            "live_migration_bandwidth",
            default=0,
            min=0,
            help="Highest bandwidth of a live migration, in MiB/s; 0 for no limit.",
        ),
        cfg.IntOpt(
            "live_migration_downtime",
            default=500,
            min=100,
            help="Longest time, in milliseconds, for which a guest may stop at the end of its live "
            "migration. It is reached in several steps.",
        ),
        cfg.IntOpt(
            "live_migration_downtime_steps",
            default=10,
            min=3,
            help="Number of steps in which the permitted downtime grows.",
        ),
        cfg.IntOpt(
            "live_migration_downtime_delay",
            default=75,
            min=3,
            help="Seconds between two of these steps, for each GiB that is copied (at least 2).",
        ),
        cfg.IntOpt(
            "live_migration_completion_timeout",
            default=800,
            min=0,
            help="Seconds for each GiB that is copied (at least 2) after which "
            "live_migration_timeout_action follows; 0 for never.",
        ),
        cfg.StrOpt(
            "live_migration_timeout_action",
            default="abort",
            choices=["abort", "force_complete"],
            help="What follows the completion timeout. abort: the guest stays at the source. "
            "force_complete: post-copy if it is permitted, else the guest is stopped until its "
            "memory is copied.",
        ),
        cfg.BoolOpt(
            "live_migration_permit_post_copy",
            default=False,
            help="Permit a live migration that is completed by force to start the guest at the "
            "destination before all its memory is there. If a host or the network fails then, the "
            "guest is lost.",
        ),
        cfg.BoolOpt(
            "live_migration_permit_auto_converge",
            default=False,
            help="Permit QEMU to slow a guest down that changes its memory faster than it is "
            "copied. Without effect with live_migration_permit_post_copy.",
        ),
        cfg.StrOpt(
            "images_type",
            default="default",
            choices=["default", "raw", "flat", "qcow2", "rbd", "lvm"],
            help="How disks of servers are stored. qcow2 (the default): an overlay on the cached "
            "image. raw, flat: a full copy of it. rbd: an image in Ceph, cloned from Glance's "
            "image if that is in the same cluster. lvm: a logical volume of the host. It must not "
            "be changed while the host has servers.",
        ),
        cfg.IntOpt(
            "inject_partition",
            default=-2,
            min=-2,
            help="Where libguestfs writes files, key and password into the root disk of a new "
            "server. 1 and above: the partition with this number. 0: a disk without partitions. "
            "-1: the root partition of the operating system that is found on the disk. -2: "
            "nowhere; guests find the same data in their config drive. Not for disks in Ceph.",
        ),
        cfg.BoolOpt(
            "inject_key",
            default=False,
            help="Write the server's SSH key into its root disk, for the user root. See "
            "inject_partition.",
        ),
        cfg.BoolOpt(
            "inject_password",
            default=False,
            help="Write the password that the API returned (adminPass) into the server's root "
            "disk, for the user root. See inject_partition.",
        ),
        cfg.StrOpt(
            "cpu_mode",
            choices=["host-model", "host-passthrough", "custom", "none"],
            help="CPU model of guests. Unset, it is host-model with kvm and none (QEMU's default) "
            "with qemu.",
        ),
        cfg.ListOpt(
            "cpu_models",
            default=[],
            deprecated_name="cpu_model",
            help="libvirt's names of CPU models, for cpu_mode=custom. Each guest has the first "
            "one with all features that its flavor and image require (trait:HW_CPU_...). Put the "
            "model that every host has first.",
        ),
        cfg.ListOpt(
            "cpu_model_extra_flags",
            default=[],
            help="libvirt's names of CPU features that guests have in addition to their model, or, "
            "with a leading -, do not have: pcid, -mpx. Without effect with cpu_mode=none.",
        ),
        cfg.StrOpt(
            "hw_disk_discard",
            choices=["ignore", "unmap"],
            help="What becomes of blocks that a guest discards on its local disks. unmap: the "
            "storage frees them. ignore: it does not. Unset, QEMU's default, which is ignore.",
        ),
        cfg.IntOpt(
            "num_pcie_ports",
            default=16,
            min=0,
            max=28,
            help="PCI Express ports of a q35 guest. Each device needs one, also an attached one; "
            "0 for as many as its first devices need, so that none can be attached.",
        ),
        cfg.StrOpt(
            "sysinfo_serial",
            default="unique",
            choices=["none", "os", "hardware", "auto", "unique"],
            help="Serial number in the SMBIOS tables of guests. unique: the UUID of the server. "
            "os: the host's /etc/machine-id. hardware: the UUID of the host's hardware. auto: as "
            "os if that file exists, else as hardware. none: no serial number. All but unique and "
            "none tell users which servers are on the same host.",
        ),
        cfg.DictOpt(
            "hw_machine_type",
            default={},
            help="Machine type by architecture, for example x86_64:q35. The image property "
            "hw_machine_type has priority.",
        ),
        cfg.IntOpt(
            "max_queues",
            min=1,
            help="Highest number of queues of an interface of a guest with several queues "
            "(hw_vif_multiqueue_enabled). Unset, it is 256, the limit of Linux.",
        ),
        cfg.IntOpt(
            "rx_queue_size",
            choices=[256, 512, 1024],
            help="Descriptors in a receive queue of a virtio interface. Unset, QEMU's default.",
        ),
        cfg.BoolOpt(
            "swtpm_enabled",
            default=False,
            help="Give servers of this host virtual TPMs (hw:tpm_version). Needs the programs "
            "swtpm and swtpm_setup, and a key manager: see [key_manager] backend.",
        ),
        cfg.StrOpt(
            "swtpm_user",
            default="tss",
            help="User that swtpm runs as, as in libvirt's qemu.conf. The state of a virtual TPM "
            "that comes from another host belongs to it.",
        ),
        cfg.StrOpt(
            "swtpm_group",
            default="tss",
            help="Group that swtpm runs as, as in libvirt's qemu.conf.",
        ),
        cfg.IntOpt(
            "tb_cache_size",
            min=1,
            help="MiB of memory for the translated code of an emulated (qemu) guest. Unset, QEMU "
            "chooses the size, which is far more than a small guest needs.",
        ),
        cfg.IntOpt(
            "wait_soft_reboot_seconds",
            default=120,
            min=0,
            help="Seconds within which a guest must shut down in a soft reboot. After that, it is "
            "rebooted hard.",
        ),
        cfg.IntOpt(
            "mem_stats_period_seconds",
            default=10,
            min=0,
            help="Seconds between two memory statistics of the balloon device; 0 disables them.",
        ),
        cfg.StrOpt(
            "rng_dev_path",
            default="/dev/urandom",
            help="Device of the host that provides entropy to guests.",
        ),
        cfg.StrOpt(
            "snapshot_image_format",
            choices=["raw", "qcow2"],
            help="Format of uploaded snapshots. Unset, it is the format of the server's disk.",
        ),
        cfg.StrOpt(
            "snapshots_directory",
            default="$instances_path/snapshots",
            help="Directory in which snapshots are made before they are uploaded. The service "
            "empties it when it starts.",
        ),
        cfg.IntOpt(
            "device_detach_attempts",
            default=8,
            min=1,
            help="Maximum number of requests to a guest to release a device.",
        ),
        cfg.IntOpt(
            "device_detach_timeout",
            default=20,
            min=1,
            help="Seconds to wait after each of these requests until the device is released.",
        ),
    ],
    "image_cache": [
        cfg.StrOpt(
            "subdirectory_name",
            default="_base",
            help="Subdirectory of instances_path that holds the cached images.",
        ),
        cfg.IntOpt(
            "manager_interval",
            default=2400,
            min=1,
            help="Seconds between two searches for unused cached images.",
        ),
        cfg.IntOpt(
            "precache_concurrency",
            default=1,
            min=1,
            help="Maximum number of hosts that concurrently download images which an administrator "
            "caches on an aggregate.",
        ),
        cfg.BoolOpt(
            "remove_unused_base_images",
            default=True,
            help="Remove cached images that no server of this host uses. If false, they stay until "
            "an operator removes them.",
        ),
        cfg.IntOpt(
            "remove_unused_original_minimum_age_seconds",
            default=24 * 3600,
            min=0,
            help="Seconds for which a cached image must be unused before it is removed.",
        ),
    ],
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
