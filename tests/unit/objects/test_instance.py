"""The object Instance."""

from __future__ import annotations

import io
import logging

from oslo_config import cfg
from oslo_log import formatters
from oslo_log import log as oslo_log

from nova_mini.context import get_admin_context
from nova_mini.objects.instance import Instance
from tests import servers


def test_a_log_line_contains_the_uuid_and_no_secrets():
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


def test_servers_of_one_flavor_do_not_share_its_object():
    """oslo.versionedobjects changes an object while it serializes it."""
    row = servers.make_instance().columns()
    first, second = (Instance.from_row(get_admin_context(), row) for _ in range(2))
    assert first.flavor.as_dict() == second.flavor.as_dict()
    assert first.flavor is not second.flavor
