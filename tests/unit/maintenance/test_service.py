"""A host is disabled by a drain, and enabled again only if a drain has disabled it."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.maintenance import service
from tests.unit.scheduler import cloud

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture(autouse=True)
def _host(database) -> None:
    cloud.add_host("h1")


def test_disable_and_restore():
    assert service.disable("h1") and not service.disable("h1")
    assert service.is_drained(service.get("h1"))
    assert service.restore("h1") and not service.restore("h1")
    found = service.get("h1")
    assert not found.disabled and found.disabled_reason is None


def test_the_reason_of_an_administrator_stays():
    found = service.get("h1")
    found.disabled, found.disabled_reason = True, "broken fan"
    found.save()
    assert not service.disable("h1")
    with pytest.raises(exception.Conflict, match="broken fan"):
        service.restore("h1")
    assert service.get("h1").disabled_reason == "broken fan"


def test_there_is_no_such_host():
    with pytest.raises(exception.ServiceNotFound):
        service.disable("h9")
