"""A compute makes files of a server only from images that the server's project may read."""

import pytest

from nova_mini import context, exception
from nova_mini.image import authorization, glance
from tests import servers
from tests.unit import rest_server

IMAGE = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"


class Glance:
    """One image. Requests with a user's token get 404, those of the service get an answer."""

    def __init__(self):
        self.image = {"id": IMAGE, "owner": "another", "visibility": "private"}
        self.members = []
        self.requests = []

    def respond(self, method, path, query, headers, body):
        self.requests.append(path)
        if headers.get("X-Auth-Token") == "users-token" or self.image is None:
            return 404, b"{}"
        if path.endswith("/members"):
            return 200, {"members": [{"member_id": each} for each in self.members]}
        return 200, self.image


@pytest.fixture
def served():
    stub = Glance()
    with rest_server.serving("glance", stub.respond):
        yield stub


def check(instance, token=None):
    """As a compute calls it: with the user's token or, after a crash, without."""
    ctxt = context.RequestContext(auth_token=token, user_id="user", project_id="project")
    authorization.check(ctxt, glance.API(), instance, IMAGE)


@pytest.mark.parametrize("token", [None, "users-token"])
@pytest.mark.parametrize(
    ("fields", "members", "allowed"),
    [
        ({"visibility": "private", "owner": "another"}, [], False),
        ({"visibility": "private", "owner": "project"}, [], True),
        ({"visibility": "public", "owner": "another"}, [], True),
        ({"visibility": "community", "owner": "another"}, [], True),
        ({"visibility": "shared", "owner": "another"}, ["third"], False),
        ({"visibility": "shared", "owner": "another"}, ["third", "project"], True),
        ({"visibility": "private", "owner": "another"}, ["project"], False),
    ],
)
def test_an_image_outside_the_record_must_be_visible(served, token, fields, members, allowed):
    served.image.update(fields)
    served.members = members
    instance = servers.make_instance(image_ref=IMAGE, system_metadata={})
    if allowed:
        check(instance, token)
        return
    with pytest.raises(exception.ImageNotAuthorized):
        check(instance, token)


def test_an_image_in_the_record_needs_no_request_to_glance(served):
    """It may be deleted in Glance; the cache or another host may still have it."""
    served.image = None
    check(servers.make_instance(system_metadata=authorization.record(["other", IMAGE, None])))
    assert served.requests == []


def test_an_image_neither_in_glance_nor_in_the_record_is_not_found(served):
    served.image = None
    with pytest.raises(exception.ImageNotFound):
        check(servers.make_instance(system_metadata={}))


def test_a_property_of_an_image_cannot_change_the_record():
    from nova_mini.objects.image_meta import ImageMeta

    forged = ImageMeta(id="mine", properties={"authorized_images": IMAGE}).to_system_metadata()
    instance = servers.make_instance(system_metadata=forged)

    class Refusing:
        def is_visible_to(self, *args):
            return False

    with pytest.raises(exception.ImageNotAuthorized):
        authorization.check(None, Refusing(), instance, IMAGE)
