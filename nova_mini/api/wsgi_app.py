"""Loads the WSGI applications of the Paste configuration file."""

from __future__ import annotations

import os
from collections.abc import Callable

from paste import deploy

from nova_mini import exception, policy
from nova_mini.conf import CONF

COMPUTE = "osapi_compute"
METADATA = "metadata"


def load(name: str) -> Callable:
    """Load the application ``name`` from ``[wsgi] api_paste_config``. CONF must be parsed already.

    The application opens no connection here, so a server may load it and then fork. Raises
    ConfigurationError if the file is not found.
    """
    path = CONF.wsgi.api_paste_config
    found = path if os.path.isabs(path) else CONF.find_file(path)
    if not found or not os.path.exists(found):
        raise exception.ConfigurationError(
            f"Cannot find {path}. Put it into the directory of nova-mini.conf, or set "
            "[wsgi] api_paste_config to its path."
        )
    policy.get_enforcer()
    return deploy.loadapp(f"config:{os.path.abspath(found)}", name=name)
