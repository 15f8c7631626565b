"""Users see why Glance refuses a request, without URLs of internal services."""

import pytest
import requests

from nova_mini import exception
from nova_mini.image import glance, refusal
from tests.unit import rest_server
from tests.unit.conftest import make_context

IMAGE = "6f2c2a86-4a33-4b5e-8d0a-1f0a3a9c0b11"
PAGE = """<html>
 <head><title>{0}</title></head>
 <body><h1>{0}</h1>{1}<br /><br />


 </body></html>"""


def response(content_type: str, text: str) -> requests.Response:
    made = requests.Response()
    made.status_code = 400
    made.headers["Content-Type"] = content_type
    made._content = text.encode()
    return made


@pytest.mark.parametrize(
    ("content_type", "text", "reason"),
    [
        (
            "text/html; charset=UTF-8",
            PAGE.format("400 Bad Request", "Name &lt;x&gt; is\n too long"),
            "Name <x> is too long",
        ),
        (
            "text/html",
            PAGE.format("409 Conflict", "see http://10.0.0.1:9292/v2/images for it"),
            "see for it",
        ),
        ("text/html", "", ""),
        ("text/html", "<<<<", "<<<<"),
        (
            "application/json",
            '{"message": "Property owner\\u0000 is read-only<br />"}',
            "Property owner is read-only<br />",
        ),
        ("application/json", '{"error": {"code": 400, "message": "no"}}', "no"),
        ("application/json", '{"error": "no"}', "no"),
        ("application/json", "[" * 100_000, ""),
        ("application/json", '{"message": [1]}', ""),
        ("text/plain", "rbd://fsid/pool/image is taken", "is taken"),
        ("text/plain", "x" * 1000, "x" * 255),
        ("application/octet-stream", "secret", ""),
    ],
)
def test_the_reason_of_html_json_and_text_responses(content_type, text, reason):
    assert refusal.reason_of(response(content_type, text)) == reason


def test_no_response_has_no_reason():
    assert refusal.reason_of(None) == ""


class Html(rest_server.Handler):
    """Answers as Glance does."""

    def send_header(self, name, value):
        super().send_header(name, "text/html" if name == "Content-Type" else value)


@pytest.mark.parametrize(
    ("status", "error", "is_shown"),
    [
        (400, exception.ImageBadRequest, True),
        (403, exception.ImageNotAuthorized, True),
        (413, exception.ImageQuotaExceeded, True),
        (401, exception.ImageNotAuthorized, False),
    ],
)
def test_exceptions_have_the_reason_of_glance(status, error, is_shown):
    page = PAGE.format(status, "4 byte characters are not supported").encode()
    with (
        rest_server.serving("glance", lambda *request: (status, page), handler=Html),
        pytest.raises(error) as raised,
    ):
        glance.API().create(make_context(), {"id": IMAGE, "name": "x"})
    message = raised.value.format_message()
    assert ("4 byte characters are not supported" in message) == is_shown
    assert IMAGE in message and "<" not in message and "127.0.0.1" not in message
