"""Users never see the text of an internal error in faults, events and responses."""

import inspect
import string

import pytest

from nova_mini import disclosure, exception
from nova_mini.api.openstack import faults

HOST = "compute-17.internal"

# Only administrators receive these, and they have named the host.
_FOR_ADMINISTRATORS = {
    "AggregateHostExists",
    "AggregateHostNotFound",
    "ComputeHostNotFound",
    "ComputeServiceInUse",
    "ServiceInUse",
    "UnshelveHostNotInAZ",
}
# Ends the operation in the process that has lost the action: it never becomes a fault.
_OF_A_HOST = {"InstanceOwnershipLost"}


def _classes():
    return [
        each
        for _name, each in inspect.getmembers(exception, inspect.isclass)
        if issubclass(each, exception.NovaException)
    ]


def _fields(cls) -> list[str]:
    text = cls.msg_fmt
    return [part.partition(")")[0] for part in text.split("%(")[1:]]


def _naming_a_host():
    return [cls for cls in _classes() if {"host", "node"} & set(_fields(cls))]


@pytest.mark.parametrize("cls", _naming_a_host(), ids=lambda cls: cls.__name__)
def test_an_error_that_names_a_host_is_not_for_users(cls):
    if cls.__name__ in _FOR_ADMINISTRATORS | _OF_A_HOST:
        return
    exc = cls(**dict.fromkeys(_fields(cls), HOST))
    assert HOST not in disclosure.message_for_user(exc, "req-1")
    assert HOST not in faults.from_exception(exc).text
    assert HOST in disclosure.message_for_operator(exc)


@pytest.mark.parametrize(
    "exc",
    [
        KeyError("secret"),
        RuntimeError("http://127.0.0.1:9696/v2.0/ports"),
        exception.HypervisorError(reason="/var/lib/nova/instances/x/disk"),
        exception.RescheduledException(instance_uuid="x", internal="secret"),
    ],
    ids=lambda exc: type(exc).__name__,
)
def test_users_see_only_the_request_id_of_an_internal_error(exc):
    for text in (disclosure.message_for_user(exc, "req-1"), faults.from_exception(exc).text):
        assert type(exc).__name__ not in text
        assert not any(word in text for word in ("secret", "http", "/var/lib"))
    assert "req-1" in disclosure.message_for_user(exc, "req-1")


def test_only_operators_see_the_internal_addition_of_a_message():
    exc = exception.NoValidHost(reason="None is free.", internal="3 hosts, 0 after room")
    assert disclosure.message_for_user(exc, "req-1") == "No valid host was found. None is free."
    assert disclosure.message_for_operator(exc) == (
        "No valid host was found. None is free. (3 hosts, 0 after room)"
    )
    assert "hosts" not in faults.from_exception(exc).text


def test_users_see_why_neutron_refused_a_request():
    exc = exception.NeutronRequestRefused(
        status=409, error_type="IpAddressInUse", reason="The address is in use."
    )
    assert "The address is in use." in disclosure.message_for_user(exc, "req-1")


def test_users_see_events_of_actions_and_no_steps():
    for name in ("compute_stop_instance", "conductor_build_instances", "recovery_resumed"):
        assert disclosure.is_event_for_users(name)
    for name in (
        "request to neutron: GET /v2.0/ports",
        "LibvirtDriver.spawn",
        "_start",
        "choose_hosts",
        "wait_for_instance_event",
    ):
        assert not disclosure.is_event_for_users(name)


def test_no_step_has_the_prefix_of_an_event_for_users():
    """Users would see such a step."""
    import ast
    import pathlib

    import nova_mini

    root = pathlib.Path(nova_mini.__file__).parent
    found = 0
    for path in root.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
                continue
            if node.func.id in ("traced", "step") and isinstance(node.args[0], ast.Constant):
                found += 1
                assert not disclosure.is_event_for_users(node.args[0].value), path
    assert found > 50


def test_the_placeholders_of_every_message_are_parsed():
    """Checks the helper :func:`_fields`."""
    for cls in _classes():
        names = _fields(cls)
        assert all(set(name) <= set(string.ascii_letters + "_") for name in names), cls
