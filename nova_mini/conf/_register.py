"""Registers the options of one file of this package."""

from oslo_config import cfg


def register(conf: cfg.ConfigOpts, options: dict[str, list[cfg.Opt]]) -> None:
    """``options``: {group name: [options]}, as each file's ``OPTIONS``."""
    for group, opts in options.items():
        conf.register_opts(opts, group=None if group == "DEFAULT" else group)
