"""The volume API against an HTTP server that acts as Cinder, including lost connections."""

import datetime
import logging

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.volume import cinder as volume_cinder
from nova_mini.volume.cinder import check_attach
from tests.unit.rest_server import HANG_UP
from tests.unit.volume.stub_cinder import FAILURE

SERVER = "2f0f4b0c-0000-4000-8000-000000000001"
CREATED = datetime.datetime(2026, 1, 1)
UNKNOWN = "2f0f4b0c-0000-4000-8000-00000000dead"
API = volume_cinder.API()


@pytest.fixture
def volume(cinder):
    return cinder.add_volume(size=3, volume_image_metadata={"hw_disk_bus": "scsi"})


def test_get_uses_the_users_token_and_project(cinder, ctxt, volume):
    found = API.get(ctxt, volume)
    assert (found.id, found.size, found.status) == (volume, 3, "available")
    assert found.image_metadata == {"hw_disk_bus": "scsi"}
    assert found.bootable and not found.encrypted
    ((method, path, headers),) = cinder.seen
    assert (method, path) == ("GET", f"/volumes/{volume}")
    assert headers["X-Auth-Token"] == "users-token"
    assert headers["OpenStack-API-Version"] == "volume 3.44"


def test_without_a_token_the_services_credentials_are_used(cinder, volume):
    API.get(RequestContext(user_id="user", project_id="project"), volume)
    assert cinder.seen[0][2]["X-Auth-Token"] != "users-token"


def test_an_attachment_is_created_updated_completed_and_deleted(cinder, ctxt, volume):
    made = API.attachment_create(ctxt, volume, SERVER)
    assert (made.status, made.connection_info) == ("reserved", {})
    assert API.get(ctxt, volume).attachments == {SERVER: made.id}
    updated = API.attachment_update(ctxt, made.id, {"host": "h"}, "/dev/vdb")
    assert updated.connection_info["driver_volume_type"] == "fake"
    assert cinder.attachments[made.id]["connector"] == {"host": "h", "mountpoint": "/dev/vdb"}
    API.attachment_complete(ctxt, made.id)
    assert cinder.status(volume) == "in-use"
    assert [a.id for a in API.attachments_of(ctxt, SERVER)] == [made.id]
    API.attachment_delete(ctxt, made.id)
    assert cinder.status(volume) == "available"
    API.attachment_delete(ctxt, made.id)  # idempotent


def test_secrets_of_a_connection_are_not_in_logs_or_reprs(cinder, ctxt, volume, caplog):
    caplog.set_level(logging.DEBUG)
    made = API.attachment_create(ctxt, volume, SERVER)
    updated = API.attachment_update(ctxt, made.id, {"host": "h"}, "/dev/vdb")
    assert updated.connection_info["data"]["auth_password"] == "secret"
    assert "secret" not in caplog.text and "secret" not in repr(updated)


def test_a_volume_is_found_by_its_mapping(cinder, ctxt):
    assert API.find_by_mapping(ctxt, "mapping") is None
    made = API.create(ctxt, 2, mapping_uuid="mapping", volume_type="fast")
    assert cinder.volumes[made.id]["requested"]["volume_type"] == "fast"
    assert API.find_by_mapping(ctxt, "mapping").id == made.id
    API.delete(ctxt, made.id)
    API.delete(ctxt, made.id)
    assert not cinder.volumes


def test_force_deletes_a_volume_in_any_state_as_the_service(cinder, ctxt):
    cinder.new_status = "creating"
    made = API.create(ctxt, 2, mapping_uuid="mapping")
    with pytest.raises(exception.InvalidVolume, match="it is creating"):
        API.delete(ctxt, made.id)
    API.delete(ctxt, made.id, force=True)
    API.delete(ctxt, made.id, force=True)
    assert not cinder.volumes
    assert cinder.seen[-1][2]["X-Auth-Token"] != "users-token"


def test_a_volume_that_is_being_deleted_is_not_found_by_its_mapping(cinder, ctxt):
    deleting = API.create(ctxt, 2, mapping_uuid="mapping")
    cinder.volumes[deleting.id]["status"] = "deleting"
    assert API.find_by_mapping(ctxt, "mapping") is None
    other = API.create(ctxt, 2, mapping_uuid="mapping")
    assert API.find_by_mapping(ctxt, "mapping").id == other.id


def test_begin_detaching_and_roll_detaching(cinder, ctxt, volume):
    with pytest.raises(exception.InvalidVolume, match="not in-use"):
        API.begin_detaching(ctxt, volume)
    cinder.volumes[volume]["status"] = "in-use"
    API.begin_detaching(ctxt, volume)
    assert cinder.status(volume) == "detaching"
    API.roll_detaching(ctxt, volume)
    assert cinder.status(volume) == "in-use"


def test_missing_objects_raise_not_found(cinder, ctxt):
    with pytest.raises(exception.VolumeNotFound):
        API.get(ctxt, UNKNOWN)
    with pytest.raises(exception.SnapshotNotFound):
        API.get_snapshot(ctxt, UNKNOWN)
    with pytest.raises(exception.VolumeAttachmentNotFound):
        API.attachment_get(ctxt, UNKNOWN)
    with pytest.raises(exception.VolumeNotFound):
        API.attachment_create(ctxt, UNKNOWN, SERVER)


def test_a_second_reservation_fails_with_cinders_message(cinder, ctxt, volume):
    API.attachment_create(ctxt, volume, SERVER)
    with pytest.raises(exception.InvalidVolume, match="current status is reserved"):
        API.attachment_create(ctxt, volume, UNKNOWN)


def test_the_prefix_of_cinders_message_is_not_repeated(cinder, ctxt, volume):
    response = {"badRequest": {"code": 400, "message": "Invalid volume: It is in a group."}}
    cinder.failures["POST", "/attachments"] = [(400, response)]
    with pytest.raises(exception.InvalidVolume, match="^Invalid volume: It is in a group.$"):
        API.attachment_create(ctxt, volume, SERVER)


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (401, exception.CinderConnectionFailed),
        (403, exception.VolumeAccessDenied),
        (409, exception.InvalidVolume),
        (413, exception.VolumeQuotaExceeded),
        (500, exception.CinderConnectionFailed),
    ],
)
def test_cinders_errors_are_translated(cinder, ctxt, volume, status, error):
    cinder.failures["POST", "/volumes"] = [(status, {"x": {**FAILURE, "code": status}})]
    with pytest.raises(error):
        API.create(ctxt, 1, mapping_uuid="mapping")


def test_reads_are_retried_and_creations_are_not(cinder, ctxt, volume):
    cinder.failures["GET", "/volumes/.*"] = [HANG_UP]
    assert API.get(ctxt, volume).id == volume
    cinder.failures["POST", "/attachments"] = [HANG_UP]
    with pytest.raises(exception.CinderConnectionFailed):
        API.attachment_create(ctxt, volume, SERVER)
    assert [r for r in cinder.requests() if r.startswith("POST")] == ["POST /attachments"]


def make_volume(**fields):
    made = {"id": "v", "status": "available", "size": 1, "created_at": CREATED}
    return volume_cinder.Volume(**made | fields)


def test_check_attach_of_volumes_in_each_status():
    check_attach(make_volume(), "nova")
    check_attach(make_volume(multiattach=True, status="in-use"), "nova")
    for refused in ({"status": "in-use"}, {"status": "error"}, {"status": "creating"}):
        with pytest.raises(exception.InvalidVolume):
            check_attach(make_volume(**refused), "nova")
    with pytest.raises(exception.VolumeEncryptionNotSupported, match="it has no key manager"):
        check_attach(make_volume(encrypted=True), "nova")


def test_check_attach_accepts_an_encrypted_volume_where_there_are_keys(override):
    override("backend", "barbican", "key_manager")
    check_attach(make_volume(encrypted=True), "nova")


def test_the_encryption_of_a_volume(cinder, ctxt, volume, override):
    override("backend", "barbican", "key_manager")
    for provider in ("luks", "LuksEncryptor", "nova.volume.encryptors.luks.LuksEncryptor"):
        cinder.encryption["provider"] = provider
        assert API.get_encryption(ctxt, volume) == {
            "key_id": cinder.encryption["encryption_key_id"],
            "cipher": "aes-xts-plain64",
            "key_size": 256,
        }
    assert cinder.seen[-1][1] == f"/volumes/{volume}/encryption"
    assert cinder.seen[-1][2]["X-Auth-Token"] == "users-token"


@pytest.mark.parametrize(
    ("fields", "reason"),
    [
        ({"provider": "plain"}, "its encryption is 'plain'"),
        ({"provider": "luks2"}, "its encryption is 'luks2'"),
        ({"provider": None}, "use a volume type with the provider luks"),
        ({"control_location": "back-end"}, "controlled by the back-end"),
        ({"encryption_key_id": None}, "has no key of it"),
    ],
)
def test_encryptions_that_no_host_serves(cinder, ctxt, volume, override, fields, reason):
    override("backend", "barbican", "key_manager")
    cinder.encryption.update(fields)
    with pytest.raises(exception.VolumeEncryptionNotSupported, match=reason):
        API.get_encryption(ctxt, volume)


def test_check_attach_refuses_a_volume_of_another_zone():
    CONF.set_override("cross_az_attach", False, group="cinder")
    try:
        check_attach(make_volume(availability_zone="nova"), "nova")
        with pytest.raises(exception.InvalidVolume, match="zone east"):
            check_attach(make_volume(availability_zone="east"), "nova")
    finally:
        CONF.clear_override("cross_az_attach", group="cinder")
