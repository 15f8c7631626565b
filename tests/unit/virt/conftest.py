"""A state directory of the test's own."""

import pytest

from nova_mini.conf import CONF


@pytest.fixture(autouse=True)
def state_path(tmp_path):
    CONF([], project="nova-mini", default_config_files=[])
    CONF.set_override("state_path", str(tmp_path))
    (tmp_path / "instances" / "_base").mkdir(parents=True)
    yield tmp_path
    CONF.clear_override("state_path")


@pytest.fixture
def override():
    """``override(option, value, group)`` for this test alone."""
    changed = []

    def set_override(name, value, group=None):
        CONF.set_override(name, value, group=group)
        changed.append((name, group))

    yield set_override
    for name, group in changed:
        CONF.clear_override(name, group=group)
