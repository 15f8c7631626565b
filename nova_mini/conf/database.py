"""[database]: oslo.db's own options. Only API, conductor and scheduler connect to a database."""

from oslo_config import cfg
from oslo_db import options

OPTIONS = {"database": options.database_opts}


def register_opts(conf: cfg.ConfigOpts) -> None:
    # A connection beyond pool and overflow is closed after use. Without room for a burst, hundreds
    # of connections would be opened and closed.
    options.set_defaults(conf, max_pool_size=20, max_overflow=50)
