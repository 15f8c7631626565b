"""[database]: oslo.db's own options; only api, conductor and scheduler hold a connection."""

from oslo_config import cfg
from oslo_db import options

OPTIONS = {"database": options.database_opts}


def register_opts(conf: cfg.ConfigOpts) -> None:
    # A connection beyond the pool is closed when it is given back: a burst would make and close
    # hundreds.
    options.set_defaults(conf, max_pool_size=20, max_overflow=50)
