"""The server as an object."""

from __future__ import annotations

import io
import logging

from oslo_config import cfg
from oslo_log import formatters
from oslo_log import log as oslo_log

from tests import servers


def test_a_log_line_about_it_tells_its_id_and_nothing_of_its_user():
    config = cfg.ConfigOpts()
    oslo_log.register_options(config)
    config([])
    formatter = formatters.ContextFormatter(
        datefmt=None, config=config, project="nova-mini", version="1"
    )
    instance = servers.make_instance(user_data="c2VjcmV0", key_data="ssh-rsa AAAA")
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.setFormatter(formatter)
    log = logging.getLogger("test-instance")
    log.addHandler(handler)
    log.propagate = False
    log.error("is here", extra={"instance": instance})
    assert out.getvalue().endswith(f" [instance: {instance.uuid}] is here\n")
    assert "AAAA" not in out.getvalue()
    assert "c2VjcmV0" not in repr(instance)
