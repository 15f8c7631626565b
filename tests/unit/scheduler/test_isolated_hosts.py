"""IsolatedHostsFilter: images that only some hosts may run."""

from __future__ import annotations

import pytest

from nova_mini.objects import image_isolation
from nova_mini.scheduler.filters.isolated_hosts_filter import IsolatedHostsFilter
from tests.unit.db import records
from tests.unit.scheduler import cloud


@pytest.mark.parametrize(
    ("restrict", "images", "image", "expected"),
    [
        (True, ["secret"], "secret", ["h2"]),
        (True, ["secret"], "other", ["h1", "h3"]),
        (True, ["secret"], None, ["h1", "h3"]),
        (True, [], "secret", ["h1", "h3"]),
        (False, ["secret"], "secret", ["h2"]),
        (False, ["secret"], "other", ["h1", "h2", "h3"]),
        (False, ["secret"], None, ["h1", "h2", "h3"]),
        (False, [], "secret", ["h1", "h2", "h3"]),
    ],
)
def test_isolated_images_and_hosts(database, override, restrict, images, image, expected):
    override("isolated_hosts", ["h2", "unknown"], "filter_scheduler")
    override("isolated_images", images, "filter_scheduler")
    override("restrict_isolated_hosts_to_isolated_images", restrict, "filter_scheduler")
    spec = cloud.make_spec(instance_uuid=records.add_server(host=None, image_ref=image))
    table = cloud.make_table({}, {}, {})
    passes = IsolatedHostsFilter().host_passes_all(table, spec)
    assert [host for host, ok in zip(table.hosts, passes, strict=True) if ok] == expected
    assert [h for h in table.hosts if image_isolation.isolated_hosts_allow(h, image)] == expected


def test_without_options_every_host_passes(database):
    passes = IsolatedHostsFilter().host_passes_all(cloud.make_table({}, {}), cloud.make_spec())
    assert passes.tolist() == [True, True]
