"""[quota]: the defaults of every project; -1 is no limit."""

from oslo_config import cfg

from nova_mini.conf._register import register

OPTIONS = {
    "quota": [
        cfg.IntOpt("instances", default=10, min=-1),
        cfg.IntOpt("cores", default=20, min=-1),
        cfg.IntOpt("ram", default=50 * 1024, min=-1, help="MiB"),
        cfg.IntOpt("metadata_items", default=128, min=-1),
        cfg.IntOpt("injected_files", default=5, min=-1),
        cfg.IntOpt("injected_file_content_bytes", default=10 * 1024, min=-1),
        cfg.IntOpt("injected_file_path_length", default=255, min=-1),
        cfg.IntOpt("key_pairs", default=100, min=-1),
        cfg.IntOpt("server_groups", default=10, min=-1),
        cfg.IntOpt("server_group_members", default=10, min=-1),
    ]
}


def register_opts(conf: cfg.ConfigOpts) -> None:
    register(conf, OPTIONS)
