"""tools/bench-scale: what it adds to a cloud is as true as what services write, and goes again."""

import pytest
from benchlib import placement, populate

from nova_mini import exception
from nova_mini.db import allocations, models, query, sweeps
from nova_mini.scheduler.manager import SchedulerManager
from tests.unit.db.records import ASKED, add_server
from tests.unit.scheduler.cloud import add_host, make_spec, select

HOSTS, SERVERS = 20, 50


@pytest.fixture
def server(database) -> str:
    """The uuid of a real server on a real host."""
    add_host("h1")
    uuid = add_server(reservation_id="r-real")
    assert allocations.claim(uuid, "h1", ASKED)
    query.insert_many(
        models.project_usages, [{"project_id": "p", "instances": 1, "cores": 1, "ram": 512}]
    )
    return uuid


def test_no_sum_is_wrong_and_nothing_stays(server):
    populate.hosts(HOSTS)
    populate.copies(server, SERVERS // 2, HOSTS)
    populate.copies(server, SERVERS, HOSTS)
    assert len(query.many(models.instances)) == 1 + SERVERS
    assert {sweep.what: len(sweep.find(query.now())) for sweep in sweeps.ALL} == {
        sweep.what: 0 for sweep in sweeps.ALL
    }
    populate.clear()
    assert [row["uuid"] for row in query.many(models.instances)] == [server]
    assert [row["host"] for row in query.many(models.compute_nodes)] == ["h1"]
    assert not any(sweep.find(query.now()) for sweep in sweeps.ALL)


def test_no_real_server_is_placed_where_nobody_runs_it(server):
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
