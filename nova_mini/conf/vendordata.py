"""[api] vendordata_*: data of the operator in the metadata of servers."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS: dict[str, list[cfg.Opt]] = {
    "api": [
        cfg.ListOpt(
            "vendordata_providers",
            item_type=cfg.types.String(choices=["StaticJSON", "DynamicJSON"]),
            default=["StaticJSON"],
            help="Where vendor_data.json and vendor_data2.json of a guest come from. StaticJSON: "
            "vendordata_jsonfile_path. DynamicJSON: vendordata_dynamic_targets. Also computes "
            "read these options, for config drives.",
        ),
        cfg.StrOpt(
            "vendordata_jsonfile_path",
            help="JSON file whose content every guest can read: all of vendor_data.json, and "
            '"static" in vendor_data2.json.',
        ),
        cfg.ListOpt(
            "vendordata_dynamic_targets",
            default=[],
            help="Services that are asked for data of each server, as NAME@URL; vendor_data2.json "
            "has the answer under NAME. The request is a POST with project-id, instance-id, "
            "image-id, user-data, hostname, metadata and boot-roles. With credentials in "
            "[vendordata_dynamic_auth] it has a token of this service.",
        ),
        cfg.StrOpt(
            "vendordata_dynamic_ssl_certfile",
            default="",
            help="File with the certificates that verify these services; empty for those of the "
            "system.",
        ),
        cfg.IntOpt(
            "vendordata_dynamic_connect_timeout",
            default=5,
            min=3,
            help="Seconds within which such a service must accept a connection.",
        ),
        cfg.IntOpt(
            "vendordata_dynamic_read_timeout",
            default=5,
            min=0,
            help="Seconds within which it must send its answer.",
        ),
        cfg.BoolOpt(
            "vendordata_dynamic_failure_fatal",
            default=False,
            help="If such a service fails, the build of a server with a config drive fails, and "
            "the metadata service answers 500. If false, its data is {}.",
        ),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
