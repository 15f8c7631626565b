"""A cloud with something of each kind in it, for requests at every microversion."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.conformance import declared
from tests.conformance.world import World
from tests.functional.conftest import engines, images, make_catalog, workspace  # noqa: F401
from tests.functional.harness import cloud as clouds
from tests.functional.harness import external_services

# Only `tools/test --tier conformance` has the reference.
collect_ignore_glob = [] if declared.FILE in os.environ else ["test_*"]


@pytest.fixture(scope="session")
def reference() -> declared.Reference:
    return declared.load()


@pytest.fixture(scope="session")
def world(engines, images, workspace) -> Iterator[World]:  # noqa: F811
    with external_services.running() as external:
        options = {
            "DEFAULT": {"allow_resize_to_same_host": True},
            "vnc": {"enabled": True},
            **external.options,
        }
        directory = workspace / "conformance"
        with clouds.running(engines, directory, images, options=options) as cloud:
            catalog = make_catalog(cloud, images, "conformance")
            yield World(cloud, external, catalog)
