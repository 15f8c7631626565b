"""Servers with a virtual TPM: the key manager has their passphrase from the build to the delete,
whoever dies meanwhile; and what Nova refuses for them is refused."""

import pytest
from castellan.common import exception as castellan_exc

from nova_mini import db, exception, service_auth
from nova_mini.actions.parameters import LiveMigrateParameters
from nova_mini.compute.requests.evacuate_request import EvacuateRequest
from nova_mini.compute.requests.rebuild_request import RebuildRequest
from nova_mini.compute.requests.rescue_request import RescueRequest
from nova_mini.compute.requests.server_request import ServerRequest
from nova_mini.conductor import automatic_evacuation
from tests import key_folder
from tests.unit.api.openstack.compute.conftest import IMAGE, make_flavor
from tests.unit.compute.cloud_in_one_process import HOST, Killed
from tests.unit.compute.test_resize import request

TPM = {"hw:tpm_version": "2.0", "hw:tpm_model": "tpm-crb"}
ID = "vtpm_secret_uuid"


@pytest.fixture(autouse=True)
def folder(override, tmp_path, monkeypatch):
    """The key manager's folder."""
    path = tmp_path / "keys"
    path.mkdir()
    monkeypatch.setenv(key_folder.VARIABLE, str(path))
    override("backend", key_folder.BACKEND, "key_manager")
    return path


@pytest.fixture
def keys(folder, cloud, glance):
    """``keys()``: id -> name, content and owner of each passphrase."""
    service_auth.reset()
    return lambda: key_folder.keys(folder)


def boot(cloud, specs=TPM, flavor="with TPM") -> str:
    requested = ServerRequest(
        display_name="s",
        flavor=make_flavor(flavor, extra_specs=specs),
        image_ref=IMAGE,
        admin_password="p",
        requested_networks="none",
    )
    (instance,) = cloud.api.create(cloud.context, requested)
    cloud.deliver()
    return instance.uuid


def check_key(cloud, keys, server, owner="project") -> None:
    """There is one passphrase, and the server knows it."""
    ((key_id, record),) = keys().items()
    assert record["name"] == f"vTPM secret for instance {server}"
    assert record["owner"] == owner and len(record["content"]) == 64
    metadata = cloud.instance(server).system_metadata
    assert metadata[ID] == key_id
    assert (metadata.get("vtpm_secret_owner") == "service") == (owner == "service")


def test_from_the_build_to_the_delete(cloud, keys):
    server = boot(cloud)
    assert cloud.instance(server).vm_state == "active"
    check_key(cloud, keys, server)
    cloud.delete(server)
    assert keys() == {}


def test_two_servers_have_different_passphrases(cloud, keys):
    boot(cloud), boot(cloud, flavor="another")
    first, second = keys().values()
    assert first["content"] != second["content"]


def test_the_passphrase_is_in_no_record(cloud, keys, database):
    server = boot(cloud)
    ((_, record),) = keys().items()
    assert record["content"] not in str(cloud.instance(server).obj_to_primitive())


@pytest.mark.parametrize(
    "point", ["before Passphrases.ensure", "Passphrases.ensure", "vtpm_key.ensure"]
)
def test_the_host_dies_in_a_build(cloud, keys, point):
    """Resumed without the user's token. A passphrase that the user owns is not seen by the service
    then: it is deleted with the server."""
    cloud.kill_at(point)
    with pytest.raises(Killed):
        boot(cloud)
    cloud.recover()
    ((server, _),) = {record["name"].split()[-1]: record for record in keys().values()}.items()
    assert cloud.instance(server).vm_state == "active"
    assert cloud.instance(server).system_metadata[ID] in keys()
    cloud.delete(server)
    assert keys() == {}


@pytest.mark.parametrize("point", ["Passphrases.delete", "vtpm_key.discard"])
def test_the_host_dies_in_a_delete(cloud, keys, point):
    server = boot(cloud)
    cloud.kill_at(point)
    with pytest.raises(Killed):
        cloud.delete(server)
    cloud.recover()
    assert keys() == {}
    with pytest.raises(exception.InstanceNotFound):
        cloud.instance(server)


def test_a_server_that_found_no_host_leaves_nothing(cloud, keys):
    server = boot(cloud, {**TPM, "trait:CUSTOM_GOLD": "required"})
    assert cloud.instance(server).vm_state == "error" and keys() == {}
    cloud.delete(server)
    assert cloud.unfinished() == []


def test_a_conductor_deletes_the_passphrase_of_a_server_on_no_host(cloud, keys):
    server = boot(cloud)
    cloud.set(server, host=None, node=None, vm_state="error")
    cloud.delete(server)
    assert keys() == {}


def test_no_host_without_a_key_manager(cloud, keys, override):
    override("backend", None, "key_manager")
    cloud.start_compute()
    assert cloud.instance(boot(cloud)).vm_state == "error"


def test_a_key_manager_that_stores_nothing(cloud, keys, monkeypatch):
    """Each other host would ask the same key manager."""

    def refuse(*arguments, **more):
        raise castellan_exc.KeyManagerError(reason="over quota")

    monkeypatch.setattr(key_folder.FolderKeyManager, "store", refuse)
    server = boot(cloud)
    assert cloud.instance(server).vm_state == "error" and cloud.unfinished() == []
    (fault,) = db.instance_faults.get_latest_faults([server]).values()
    assert fault["message"] == "The key manager does not store a key for a virtual TPM."
    assert "over quota" in fault["details"]


def test_a_key_manager_that_refuses(cloud, keys, monkeypatch):
    """A server that is deleted does not wait for it."""
    server = boot(cloud)
    ((key_id, _),) = keys().items()
    monkeypatch.setattr(key_folder.FolderKeyManager, "_owner", lambda *_: "nobody")
    cloud.delete(server)
    assert list(keys()) == [key_id] and cloud.unfinished() == []


# -- resize --------------------------------------------------------------------------------------


@pytest.fixture
def resize(cloud, keys, neutron, override):
    override("allow_resize_to_same_host", True)

    def to(server, specs):
        request(cloud, "resize", server, make_flavor("new", extra_specs=specs).flavorid)
        assert cloud.instance(server).vm_state == "resized"

    return to


def test_a_resize_takes_the_tpm_away(cloud, keys, resize):
    server = boot(cloud)
    resize(server, {})
    check_key(cloud, keys, server)
    request(cloud, "confirm_resize", server)
    assert keys() == {} and ID not in cloud.instance(server).system_metadata


def test_and_a_revert_brings_it_back(cloud, keys, resize):
    server = boot(cloud)
    ((before, _),) = keys().items()
    resize(server, {})
    request(cloud, "revert_resize", server)
    check_key(cloud, keys, server)
    assert before in keys()


def test_a_resize_gives_a_tpm(cloud, keys, resize):
    """The phase that makes the passphrase has the user's token, or is resumed without it."""
    server = boot(cloud, {})
    resize(server, TPM)
    ((key_id, record),) = keys().items()
    check_key(cloud, keys, server, record["owner"])
    request(cloud, "confirm_resize", server)
    assert list(keys()) == [key_id] == [cloud.instance(server).system_metadata[ID]]


def test_and_a_revert_takes_it_away(cloud, keys, resize):
    server = boot(cloud, {})
    resize(server, TPM)
    request(cloud, "revert_resize", server)
    assert keys() == {} and ID not in cloud.instance(server).system_metadata


# -- what Nova refuses ---------------------------------------------------------------------------

REFUSED = {
    "live-migration": lambda api: (api.live_migrate, LiveMigrateParameters()),
    "evacuate": lambda api: (api.evacuate, EvacuateRequest()),
    "rebuild": lambda api: (api.rebuild, RebuildRequest(image_ref=IMAGE, admin_password="p")),
    "rescue": lambda api: (api.rescue, RescueRequest(image_ref=None, admin_password="p")),
    "shelve": lambda api: (api.shelve,),
}


@pytest.mark.parametrize("operation", REFUSED)
def test_refused(cloud, keys, operation):
    server = boot(cloud)
    call, *arguments = REFUSED[operation](cloud.api)
    with pytest.raises(exception.OperationNotSupportedForVTPM) as raised:
        call(cloud.context, cloud.instance(server), *arguments)
    assert raised.value.code == 409
    text = f"Operation '{operation}' not supported for vTPM-enabled instance ({server})."
    assert raised.value.format_message() == text
    assert cloud.instance(server).task_state is None and cloud.unfinished() == []


def test_a_server_with_a_tpm_is_not_evacuated_by_itself(cloud, keys):
    with_tpm, without = boot(cloud), boot(cloud, {}, "plain")
    for server in (with_tpm, without):
        cloud.set(server, metadata={automatic_evacuation.KEY: "true"})
    assert [each.uuid for each in automatic_evacuation._asking(HOST)] == [without]
