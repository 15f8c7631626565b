"""What the operator tells a guest: from a file, and from services that are asked."""

import json
import logging

import pytest
from keystoneauth1 import noauth

from nova_mini import exception, service_auth
from nova_mini.external.vendordata import Vendordata
from nova_mini.objects.instance_metadata import InstanceMetadata
from tests.unit import rest_server

SECRET = "user-data-is-secret"


@pytest.fixture
def static(override, tmp_path):
    """``static(text)``: the content of the file."""
    path = tmp_path / "vendor.json"
    override("vendordata_jsonfile_path", str(path), "api")
    return path.write_text


@pytest.fixture
def service(override):
    """A service with a list of its requests, and the ``answers`` of its paths."""

    class Service:
        def __init__(self):
            self.requests = []
            self.answers = {"/": (200, {})}

        def respond(self, method, path, query, headers, body):
            self.requests.append((method, path, headers, json.loads(body)))
            return self.answers[path]

    found = Service()
    service_auth.reset()
    with rest_server.running(found.respond) as url:
        found.url = url
        override("vendordata_providers", ["StaticJSON", "DynamicJSON"], "api")
        override("vendordata_dynamic_targets", [f"one@{url}/"], "api")
        yield found
    service_auth.reset()


def document(instance, name, version="latest"):
    metadata = InstanceMetadata(instance, vendordata=Vendordata(instance))
    return json.loads(metadata.lookup(f"openstack/{version}/{name}"))


def test_without_a_file_it_is_empty(instance):
    assert document(instance, "vendor_data.json") == {}
    assert document(instance, "vendor_data2.json") == {"static": {}}


def test_the_file_is_in_both_documents(instance, static):
    static('{"ntp": "10.0.0.1"}')
    assert document(instance, "vendor_data.json", "2013-10-17") == {"ntp": "10.0.0.1"}
    assert document(instance, "vendor_data2.json") == {"static": {"ntp": "10.0.0.1"}}


def test_without_the_provider_the_file_is_not_read(instance, static, override):
    static('{"ntp": "10.0.0.1"}')
    override("vendordata_providers", [], "api")
    assert document(instance, "vendor_data.json") == {}
    assert document(instance, "vendor_data2.json") == {}


def test_a_broken_file_is_logged(instance, static, caplog):
    static("{")
    assert document(instance, "vendor_data.json") == {}
    assert "vendor.json" in caplog.text


def test_a_service_is_asked_about_the_server(instance, service):
    instance.system_metadata["boot_roles"] = "member,reader"
    service.answers["/"] = (200, {"licence": "42"})
    assert document(instance, "vendor_data2.json") == {"static": {}, "one": {"licence": "42"}}
    ((method, _path, headers, body),) = service.requests
    assert method == "POST"
    assert "X-Auth-Token" not in headers
    assert body == {
        "project-id": "p1",
        "instance-id": instance.uuid,
        "image-id": instance.image_ref,
        "user-data": instance.user_data,
        "hostname": "my-server",
        "metadata": {"role": "web"},
        "boot-roles": "member,reader",
    }


def test_a_config_drive_asks_once(instance, service):
    metadata = InstanceMetadata(instance, vendordata=Vendordata(instance))
    files = dict(metadata.metadata_for_config_drive())
    assert json.loads(files["openstack/2016-10-06/vendor_data2.json"])["one"] == {}
    assert len(service.requests) == 1


def test_credentials_of_the_service_are_sent(instance, service, override, monkeypatch):
    class Login(noauth.NoAuth):
        def get_headers(self, session, **kwargs):
            return {"X-Auth-Token": "service-token"}

    override("auth_type", "password", "vendordata_dynamic_auth")
    monkeypatch.setattr(service_auth, "service_plugin", lambda group: Login())
    document(instance, "vendor_data2.json")
    ((_method, _path, headers, _body),) = service.requests
    assert headers["X-Auth-Token"] == "service-token"


@pytest.mark.parametrize(
    "answer",
    [
        (500, {}),
        (404, b"nothing"),
        (200, b"not JSON"),
        (302, {}),
        (200, b'"' + b"x" * 2**20 + b'"'),
        rest_server.HANG_UP,
    ],
    ids=["500", "404", "text", "redirect", "large", "closed"],
)
def test_a_service_that_fails(instance, service, override, caplog, answer):
    caplog.set_level(logging.INFO, "nova_mini")
    instance.metadata["secret"] = SECRET
    service.answers["/"] = answer
    assert document(instance, "vendor_data2.json")["one"] == {}
    assert f"{instance.uuid}: no vendordata from one" in caplog.text
    assert SECRET not in caplog.text
    override("vendordata_dynamic_failure_fatal", True, "api")
    with pytest.raises(exception.VendordataFailed, match="one"):
        document(instance, "vendor_data2.json")


def test_wrong_targets_are_logged(instance, service, override, caplog):
    targets = ["nameless", f"one@{service.url}/", f"one@{service.url}/other"]
    override("vendordata_dynamic_targets", targets, "api")
    assert document(instance, "vendor_data2.json") == {"static": {}, "one": {}}
    assert [path for _method, path, *_rest in service.requests] == ["/"]
    assert "nameless is not NAME@URL" in caplog.text
    assert "one is there twice" in caplog.text
