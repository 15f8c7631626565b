"""The WSGI applications that the Paste file describes."""

from __future__ import annotations

import os
from collections.abc import Callable

from paste import deploy

from nova_mini import exception, policy
from nova_mini.conf import CONF

COMPUTE = "osapi_compute"
METADATA = "metadata"


def load(name: str) -> Callable:
    """The application ``name`` of ``[wsgi] api_paste_config``. CONF must be parsed already.

    It holds no connection, so a server may load it and then fork. Raises ConfigurationError when
    the file cannot be found.
    """
    path = CONF.wsgi.api_paste_config
    found = path if os.path.isabs(path) else CONF.find_file(path)
    if not found or not os.path.exists(found):
        raise exception.ConfigurationError(
            f"Cannot find {path}: put it beside nova-mini.conf, or say where it is with "
            "[wsgi] api_paste_config."
        )
    policy.get_enforcer()
    return deploy.loadapp(f"config:{os.path.abspath(found)}", name=name)
