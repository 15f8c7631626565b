"""How every group file registers its ``OPTIONS`` ({group name: [options]})."""

from oslo_config import cfg


def register(conf: cfg.ConfigOpts, options: dict[str, list[cfg.Opt]]) -> None:
    for group, opts in options.items():
        conf.register_opts(opts, group=None if group == "DEFAULT" else group)
