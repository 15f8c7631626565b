"""Parameters are stored in a row and read again, also rows of release 0.1.0."""

from __future__ import annotations

import dataclasses
import json

import pytest

from nova_mini import exception
from nova_mini.actions import parameters as kinds
from nova_mini.actions.operations import REGISTRY
from nova_mini.actions.registry import Place

PASSWORD, FILE = "s3cret-password", ["/etc/motd", "czNjcmV0LWZpbGU="]
VIF = {"id": "port", "address": "fa:16:3e:00:00:01"}
HOST = {"service_host": "h2", "nodename": "h2", "availability_zone": "nova"}

# An object of each class; no field has its default value.
FULL = [
    kinds.NoParameters(),
    kinds.BuildParameters(
        admin_password=PASSWORD,
        injected_files=[FILE],
        requested_networks=[{"network_id": "net", "port_id": None, "address": None, "tag": None}],
        security_groups=["default"],
        alternates=[HOST],
        tried=["h1"],
        reason="it has failed",
    ),
    kinds.DeleteParameters(unfinished_images=["image"], host_is_down=True),
    kinds.RebootParameters("SOFT"),
    kinds.RebuildParameters(
        image_ref="new",
        orig_image_ref="old",
        admin_password=PASSWORD,
        injected_files=[FILE],
        preserve_ephemeral=True,
        reimage_boot_volume=True,
        before={"fields": {"display_name": "s"}},
    ),
    kinds.RescueParameters(
        image_ref="rescue",
        image={"image_hw_rescue_bus": "usb"},
        image_name="tools",
        max_disk_size=1024,
        admin_password=PASSWORD,
    ),
    kinds.UnshelveParameters({"availability_zone": None, "host": "h1"}, ["h2"], "no room"),
    kinds.MigrateParameters("h2", [{"service_host": "h3"}], ["h1"], "no room"),
    kinds.LiveMigrateParameters(
        host="h2",
        is_forced=True,
        block_migration=False,
        disk_over_commit=True,
        alternates=[HOST],
        tried=["h1"],
        reason="no room",
        source={"cpu": "<cpu/>"},
        destination={"uri": "qemu+ssh://h2/system"},
    ),
    kinds.RevertParameters("the disk was full", is_not_at_destination=True),
    kinds.EvacuateParameters(
        "h2", [{"service_host": "h3"}], ["h1"], "no room", True, False, True, PASSWORD
    ),
    kinds.SnapshotParameters("image"),
    kinds.BackupParameters("image", "daily", 2),
    kinds.PasswordParameters(PASSWORD),
    kinds.AttachInterfaceParameters("port", "net", "10.0.0.9", "nic"),
    kinds.DetachInterfaceParameters("port"),
    kinds.RemoveInterfaceParameters(VIF),
    kinds.VolumeParameters("bdm"),
    kinds.SwapVolumeParameters("bdm", "old", "attachment", "new"),
]


def _name(parameters) -> str:
    return type(parameters).__name__


def _stored(parameters) -> dict:
    """The value after it was written to the column and read again."""
    return json.loads(json.dumps(parameters.to_args()))


def test_there_is_an_example_of_every_class():
    used = {each.parameters for place in Place for each in REGISTRY.operations(place)}
    subclasses = kinds.Parameters.__subclasses__()
    declared = {each for each in subclasses if each.__module__ == kinds.__name__}
    assert {type(each) for each in FULL} == used == declared


@pytest.mark.parametrize("parameters", FULL, ids=_name)
def test_stored_parameters_are_read_as_they_were(parameters):
    defaults = {each.name: each.default for each in dataclasses.fields(parameters)}
    assert all(getattr(parameters, name) != default for name, default in defaults.items())
    kind = type(parameters)
    assert kind.from_args(_stored(parameters), kind.VERSION) == parameters


def _required(kind) -> list[str]:
    missing = dataclasses.MISSING
    fields = dataclasses.fields(kind)
    return [e.name for e in fields if e.default is missing and e.default_factory is missing]


_OTHERS = [each for each in FULL if not isinstance(each, kinds.UnshelveParameters)]


@pytest.mark.parametrize("parameters", _OTHERS, ids=_name)
def test_required_parameters_are_stored_and_defaults_are_not(parameters):
    kind = type(parameters)
    required = dict.fromkeys(_required(kind))
    assert kind(**required).to_args() == required


def test_the_destination_is_stored_under_the_name_that_release_0_1_0_reads():
    assert kinds.UnshelveParameters().to_args() == {"wishes": {}}
    assert kinds.UnshelveParameters({"host": "h1"}).to_args() == {"wishes": {"host": "h1"}}


@pytest.mark.parametrize("parameters", FULL, ids=_name)
def test_the_repr_holds_no_secret(parameters):
    for shown in (repr(parameters), str(parameters), f"{[parameters]}"):
        assert PASSWORD not in shown and FILE[1] not in shown


@pytest.mark.parametrize("parameters", FULL, ids=_name)
def test_a_higher_version_is_unknown(parameters):
    kind = type(parameters)
    with pytest.raises(exception.UnknownParameters, match=f"{kind.__name__} of version 2"):
        kind.from_args(parameters.to_args(), kind.VERSION + 1)


@pytest.mark.parametrize("parameters", FULL, ids=_name)
def test_an_unknown_name_is_unknown(parameters):
    kind = type(parameters)
    with pytest.raises(exception.UnknownParameters, match="with colour"):
        kind.from_args({**parameters.to_args(), "colour": PASSWORD}, kind.VERSION)


def test_the_error_names_no_value():
    with pytest.raises(exception.UnknownParameters) as raised:
        kinds.BuildParameters.from_args({"colour": PASSWORD}, 1)
    assert PASSWORD not in str(raised.value)


def test_a_row_without_arguments_has_no_parameters():
    assert kinds.NoParameters.from_args(None, 1) == kinds.NoParameters()
    assert kinds.DeleteParameters.from_args(None, 1) == kinds.DeleteParameters()


def test_replaced_parameters_are_others():
    parameters = kinds.BuildParameters(tried=["h1"])
    assert parameters.replace(reason="full").to_args() == {"tried": ["h1"], "reason": "full"}
    assert parameters.reason is None


def test_a_class_can_read_what_its_older_version_has_stored():
    @dataclasses.dataclass(frozen=True, repr=False)
    class Renamed(kinds.Parameters):
        VERSION = 2
        colour: str = "red"

        @classmethod
        def upgrade(cls, args, version):
            return {"colour": args["color"]} if version == 1 else args

    assert Renamed.from_args({"color": "blue"}, 1) == Renamed("blue")
    assert Renamed.from_args({"colour": "blue"}, 2) == Renamed("blue")


# -- rows of release 0.1.0 (commit 44604b2) ------------------------------------------------------

_BUILD = {
    "admin_password": PASSWORD,
    "injected_files": [FILE],
    "requested_networks": "auto",
    "security_groups": ["default"],
}
# Rows of every operation of that release: (host, method, stored args, resulting fields).
OLD_ROWS = [
    (None, "schedule_and_build_instances", _BUILD, _BUILD),
    (None, "schedule_and_build_instances", {**_BUILD, "requested_networks": []}, {}),
    (
        "h1",
        "build_and_run_instance",
        {**_BUILD, "alternates": [HOST]},
        {**_BUILD, "alternates": [HOST], "tried": ()},
    ),
    (
        None,
        "build_instances",
        {**_BUILD, "alternates": [], "tried": ["h1"], "reason": "host h1 is down"},
        {"alternates": [], "tried": ["h1"], "reason": "host h1 is down"},
    ),
    ("h1", "terminate_instance", {}, {"unfinished_images": (), "host_is_down": False}),
    ("h1", "terminate_instance", {"unfinished_images": ["i"]}, {"unfinished_images": ["i"]}),
    (None, "delete_unscheduled_instance", {"host_is_down": True}, {"host_is_down": True}),
    ("h1", "reboot_instance", {"reboot_type": "HARD"}, {"reboot_type": "HARD"}),
    ("h1", "start_instance", {}, {}),
    ("h1", "stop_instance", {}, {}),
    ("h1", "pause_instance", {}, {}),
    ("h1", "unpause_instance", {}, {}),
    ("h1", "suspend_instance", {}, {}),
    ("h1", "resume_instance", {}, {}),
    ("h1", "shelve_instance", {}, {}),
    ("h1", "shelve_offload_instance", {}, {}),
    (
        "h1",
        "rebuild_instance",
        {
            "image_ref": "new",
            "orig_image_ref": None,
            "admin_password": PASSWORD,
            "injected_files": [],
            "preserve_ephemeral": False,
            "reimage_boot_volume": True,
        },
        {"image_ref": "new", "orig_image_ref": None, "reimage_boot_volume": True, "before": None},
    ),
    ("h1", "snapshot_instance", {"image_id": "i"}, {"image_id": "i"}),
    ("h1", "unshelve_instance", {"wishes": {}}, {"destination": {}}),
    (
        None,
        "unshelve_instance",
        {"wishes": {"availability_zone": None, "host": "h1"}},
        {"destination": {"availability_zone": None, "host": "h1"}},
    ),
    ("h1", "attach_interface", {}, {"port_id": None, "network_id": None}),
    (
        "h1",
        "attach_interface",
        {"network_id": "net", "fixed_ip": "10.0.0.9", "tag": "nic"},
        {"network_id": "net", "fixed_ip": "10.0.0.9", "tag": "nic", "port_id": None},
    ),
    ("h1", "detach_interface", {"port_id": "port"}, {"port_id": "port"}),
    ("h1", "attach_volume", {"bdm_uuid": "bdm"}, {"bdm_uuid": "bdm"}),
    (None, "attach_volume", {"bdm_uuid": "bdm"}, {"bdm_uuid": "bdm"}),
    ("h1", "detach_volume", {"bdm_uuid": "bdm"}, {"bdm_uuid": "bdm"}),
    (None, "detach_volume", {"bdm_uuid": "bdm"}, {"bdm_uuid": "bdm"}),
    (
        "h1",
        "swap_volume",
        {
            "bdm_uuid": "bdm",
            "old_volume_id": "old",
            "old_attachment_id": "attachment",
            "new_volume_id": "new",
        },
        {"old_attachment_id": "attachment", "new_volume_id": "new"},
    ),
]


@pytest.mark.parametrize(("host", "method", "args", "fields"), OLD_ROWS)
def test_a_row_of_release_0_1_0_is_understood(host, method, args, fields):
    operation = REGISTRY.find(host, method)
    parameters = operation.parameters.from_args(args, 1)
    assert {name: getattr(parameters, name) for name in fields} == fields
