"""Each test has its own state directory."""

import pytest

from nova_mini.conf import CONF


@pytest.fixture(autouse=True)
def state_path(tmp_path):
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("state_path", str(tmp_path))
    (tmp_path / "instances" / "_base").mkdir(parents=True)
    yield tmp_path
    CONF.clear_override("state_path")
