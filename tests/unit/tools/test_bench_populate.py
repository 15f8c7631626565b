"""tools/bench-scale: its records are consistent, as those of the services, and are removed."""

import pytest
from benchlib import placement, populate

from nova_mini import exception
from nova_mini.db import allocations, models, query, sweeps
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.db.records import REQUESTED, add_server
from tests.unit.scheduler.cloud import add_host, make_spec, select

HOSTS, SERVERS = 20, 50


@pytest.fixture
def server(database) -> str:
    """The uuid of a real server on a real host."""
    add_host("h1")
    uuid = add_server(reservation_id="r-real")
    assert allocations.claim(uuid, "h1", REQUESTED)
    query.insert_many(
        models.project_usages, [{"project_id": "p", "instances": 1, "cores": 1, "ram": 512}]
    )
    return uuid


def test_all_sums_are_correct_and_nothing_is_left(server):
    populate.hosts(HOSTS)
    populate.copies(server, SERVERS // 2, HOSTS)
    populate.copies(server, SERVERS, HOSTS)
    assert len(query.many(models.instances)) == 1 + SERVERS
    assert {sweep.description: len(sweep.find(query.now())) for sweep in sweeps.ALL} == {
        sweep.description: 0 for sweep in sweeps.ALL
    }
    populate.clear()
    assert [row["uuid"] for row in query.many(models.instances)] == [server]
    assert [row["host"] for row in query.many(models.compute_nodes)] == ["h1"]
    assert not any(sweep.find(query.now()) for sweep in sweeps.ALL)


def test_no_real_server_is_placed_on_a_simulated_host(server):
    populate.hosts(HOSTS)
    scheduler = SchedulerManager()
    for _ in range(5):
        ((chosen, *_),) = select(scheduler, make_spec(vcpus=1, memory_mb=64, local_gb=0))
        assert chosen.service_host == "h1"
    with pytest.raises(exception.NoValidHost):
        select(scheduler, make_spec(vcpus=1, memory_mb=10**9, local_gb=0))
    measured = placement.spec(memory_mb=0, local_gb=0, architecture=populate.ARCHITECTURE)
    ((chosen, *_),) = select(scheduler, measured)
    assert chosen.service_host.startswith("populated-")
