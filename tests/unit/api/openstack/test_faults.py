"""Responses to exceptions."""

import json

import oslo_messaging
import pytest
from oslo_db import exception as db_exc

from nova_mini import exception
from nova_mini.api.openstack import faults


def fault_of(exc):
    response = faults.from_exception(exc)
    ((kind, fault),) = json.loads(response.body).items()
    assert fault["code"] == response.status_int
    return response.status_int, kind, fault["message"]


@pytest.mark.parametrize(
    ("exc", "code", "kind", "message"),
    [
        (exception.FlavorNotFound(flavor_id="x"), 404, "itemNotFound", "Flavor x could not be"),
        (exception.Invalid(), 400, "badRequest", "not valid"),
        (exception.Forbidden(), 403, "forbidden", "Forbidden"),
        (exception.Conflict(), 409, "conflictingRequest", "conflicts"),
        (exception.NeutronConnectionFailed(reason="no"), 503, "serviceUnavailable", "network"),
        (exception.DatabaseUnavailable(), 503, "serviceUnavailable", "Try again"),
        (db_exc.DBConnectionError("at db.internal"), 503, "serviceUnavailable", "Try again"),
        (db_exc.DBDeadlock(), 503, "serviceUnavailable", "Try again"),
        (oslo_messaging.MessagingTimeout("id 1"), 503, "serviceUnavailable", "Try again"),
        (ValueError("in /usr/lib/x.py"), 500, "computeFault", "Unexpected"),
        (exception.HypervisorUnavailable(host="h1"), 500, "computeFault", "Unexpected"),
    ],
)
def test_fault_of_an_exception(exc, code, kind, message):
    fault = fault_of(exc)
    assert fault[:2] == (code, kind)
    assert message in fault[2]


@pytest.mark.parametrize(
    "exc",
    [
        ValueError("secret"),
        exception.NovaException("secret"),
        db_exc.DBError("secret"),
        db_exc.DBConnectionError("secret"),
        oslo_messaging.MessagingTimeout("secret"),
    ],
)
def test_fault_hides_internal_details(exc):
    assert "secret" not in fault_of(exc)[2]


def test_retry_after_header():
    assert faults.from_exception(db_exc.DBDeadlock()).headers["Retry-After"] == "5"
