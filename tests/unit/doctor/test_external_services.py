"""The doctor's audit of Neutron and Cinder, over HTTP."""

from __future__ import annotations

import uuid

import pytest

from nova_mini import db
from nova_mini.doctor import external_services, finding
from nova_mini.network.neutron import client
from nova_mini.volume import cinder as volume_api
from tests.servers import make_vif
from tests.unit import rest_server
from tests.unit.db import records
from tests.unit.network.stub_neutron import StubNeutron
from tests.unit.volume import stub_cinder

pytestmark = pytest.mark.usefixtures("database")


@pytest.fixture
def neutron(monkeypatch):
    monkeypatch.setattr(client, "_PAGE", 2)
    stub = StubNeutron()
    with rest_server.serving("neutron", stub.respond):
        yield stub


@pytest.fixture
def cinder(monkeypatch):
    monkeypatch.setattr(volume_api, "_PAGE", 2)
    with stub_cinder.serving() as stub:
        yield stub


def _port(neutron, device_id, **fields) -> str:
    network = next(iter(neutron.networks), None) or neutron.add_network()
    fields = {"device_owner": "compute:nova", "device_id": device_id, **fields}
    return neutron.add_port(network, binding_profile={}, **fields)["id"]


def _attach(cinder, server: str, recorded: bool) -> str:
    volume = cinder.add_volume(status="in-use")
    attachment = str(uuid.uuid4())
    cinder.attachments[attachment] = {
        "id": attachment,
        "volume_id": volume,
        "instance": server,
        "status": "attached",
        "connection_info": {"driver_volume_type": "x", "auth_password": "s3cret"},
    }
    if recorded:
        _record(server, volume, attachment)
    return attachment


def _record(server: str, volume: str, attachment: str) -> None:
    row = {"uuid": str(uuid.uuid4()), "source_type": "volume", "destination_type": "volume"}
    row |= {"instance_uuid": server, "volume_id": volume, "attachment_id": attachment}
    db.block_device_mappings.create(row)


def test_a_cloud_without_external_services_has_no_findings():
    assert external_services.audit() == ([], [])


def test_ports_of_deleted_servers_are_deleted(neutron):
    gone, alive = records.add_server(deleted=True), records.add_server()
    history = records.add_action(gone, action="delete", finish_time=records.NOW)
    ports = {_port(neutron, gone) for _ in range(3)}
    kept = _port(neutron, alive)
    stranger = _port(neutron, str(uuid.uuid4()))
    _port(neutron, gone, device_owner="network:dhcp")
    findings, looked_at = external_services.audit()
    assert looked_at == ["Neutron"]
    assert sorted(one.kind for one in findings) == ["orphaned-port"] * 3 + ["unknown-port"]
    finding.fix(findings)
    assert not ports & {port["id"] for port in neutron.ports_of(gone)}
    assert {kept, stranger} <= neutron.ports.keys()
    assert records.events(history)[0][0] == "recovery_leftover_destroyed"
    assert [one.kind for one in external_services.audit()[0]] == ["unknown-port"]


def test_a_port_that_neutron_does_not_have_is_a_finding(neutron):
    vif, working = make_vif(), make_vif()
    server = records.add_server(network_info=_network_info(vif))
    busy = records.add_server(network_info=_network_info(working))
    records.add_action(busy)
    (one,), _ = external_services.audit()
    assert (one.kind, one.subject) == ("missing-port", f"server {server}")
    assert vif.id in one.problem
    assert not one.can_be_fixed


def _network_info(vif) -> str:
    from nova_mini.objects.network_model import NetworkInfo

    return NetworkInfo([vif]).to_json()


def test_a_port_that_is_deleted_during_the_audit_is_no_finding(neutron, monkeypatch):
    gone = records.add_server(deleted=True)
    port = _port(neutron, gone)
    get_deletion_times = db.instance_deletion.get_deletion_times

    def then_delete_port(uuids):
        neutron.ports.pop(port, None)
        return get_deletion_times(uuids)

    monkeypatch.setattr(db.instance_deletion, "get_deletion_times", then_delete_port)
    assert external_services.audit()[0] == []


def test_orphaned_attachments_are_deleted(cinder):
    gone, alive, busy = records.add_server(deleted=True), records.add_server(), records.add_server()
    records.add_action(busy)
    orphans = {_attach(cinder, gone, recorded=False), _attach(cinder, alive, recorded=False)}
    kept = {_attach(cinder, alive, recorded=True), _attach(cinder, busy, recorded=False)}
    orphans.add(_attach(cinder, gone, recorded=True))  # with the record of its disk
    stranger = _attach(cinder, str(uuid.uuid4()), recorded=False)
    findings, looked_at = external_services.audit()
    assert looked_at == ["Cinder"]
    assert [one.kind for one in findings] == ["orphaned-attachment"] * 3
    assert "s3cret" not in str([one.as_dict() for one in findings])
    finding.fix(findings)
    assert {one.outcome for one in findings} == {"fixed"}
    assert cinder.attachments.keys() == kept | {stranger}
    assert orphans.isdisjoint(cinder.attachments)
    assert external_services.audit()[0] == []


def test_ports_and_attachments_of_a_shelved_server_are_no_findings(neutron, cinder):
    vif = make_vif()
    shelved = records.add_server(
        host=None, vm_state="shelved_offloaded", network_info=_network_info(vif)
    )
    neutron.ports[_port(neutron, shelved)]["id"] = vif.id
    attachment = _attach(cinder, shelved, recorded=True)
    cinder.attachments[attachment].update(status="reserved", connection_info={})
    assert external_services.audit()[0] == []


def test_an_attachment_that_is_in_use_now_is_not_deleted(cinder):
    alive = records.add_server()
    attachment = _attach(cinder, alive, recorded=False)
    findings, _ = external_services.audit()
    _record(alive, cinder.attachments[attachment]["volume_id"], attachment)
    finding.fix(findings)
    assert findings[0].outcome == "not fixed: the server has that disk now"
    assert attachment in cinder.attachments


def test_an_attachment_that_cinder_does_not_have_is_a_finding(cinder):
    alive = records.add_server()
    _record(alive, str(uuid.uuid4()), str(uuid.uuid4()))
    (one,), _ = external_services.audit()
    assert (one.kind, one.can_be_fixed) == ("missing-attachment", False)


def test_a_service_that_does_not_answer_is_a_finding(neutron, cinder):
    neutron.faults += [("GET", (503, "ServiceUnavailable"))] * 20
    _attach(cinder, records.add_server(deleted=True), recorded=False)
    findings, looked_at = external_services.audit()
    assert looked_at == ["Neutron", "Cinder"]
    assert [one.kind for one in findings] == ["external-service-down", "orphaned-attachment"]
