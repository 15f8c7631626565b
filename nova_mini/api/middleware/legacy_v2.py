"""``/v2``: the legacy API, which has no microversions."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from webob.headers import EnvironHeaders

from nova_mini.api.openstack import api_version

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

#: Key in the WSGI environment of a request to the legacy API.
LEGACY_KEY = "nova.legacy_v2"
_VERSION_HEADERS = set(api_version.headers_for(api_version.DEFAULT_VERSION))


class LegacyV2:
    """Marks a request as one to the legacy API and serves it with the first microversion."""

    def __init__(self, application: WSGIApplication):
        self._application = application

    @classmethod
    def factory(cls, global_config: dict, **local_config: str) -> type[LegacyV2]:
        return cls

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        environ[LEGACY_KEY] = True
        headers = EnvironHeaders(environ)
        for name in (api_version.STANDARD_HEADER, api_version.LEGACY_HEADER):
            headers.pop(name, None)

        def start(status, headers, exc_info=None):
            kept = [(name, value) for name, value in headers if name not in _VERSION_HEADERS]
            return start_response(status, kept, exc_info)

        return self._application(environ, start)
