"""Console tokens: who knows one may open a console of a server. See ``db.console_tokens``.

The database has only a hash of each token, so that a copy of the database opens no console.
"""

from __future__ import annotations

import datetime
import hashlib
import urllib.parse
import uuid
from typing import TYPE_CHECKING, Any, TypedDict

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.clock import utcnow
from nova_mini.conf import CONF
from nova_mini.objects.base import NovaObject, register, remotable

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.instance import Instance

NOVNC, SERIAL = "novnc", "serial"
SPICE_HTML5, SPICE_DIRECT = "spice-html5", "spice-direct"


class Connection(TypedDict):
    """A console of a guest, as its host describes it. ``host`` and the ports: where a proxy
    connects to; ``access_url_base``: the URL for users, without a token."""

    console_type: str
    host: str
    port: int
    tls_port: int | None
    access_url_base: str


@register
class ConsoleAuthToken(NovaObject):
    """What a token opens. ``compute_host``: the name of the server's host; ``host`` and ``port``:
    where its console listens."""

    VERSION = "1.0"

    fields: dict[str, Any] = {  # noqa: RUF012
        "instance_uuid": fields.UUIDField(),
        "console_type": fields.StringField(),
        "compute_host": fields.StringField(),
        "host": fields.StringField(),
        "port": fields.IntegerField(),
        "tls_port": fields.IntegerField(nullable=True),
        "access_url_base": fields.StringField(),
    }

    @classmethod
    @remotable
    def validate(cls, context: RequestContext, token_hash: str) -> ConsoleAuthToken:
        """What the token with this hash opens. Raises InvalidToken. Called by console proxies."""
        row = db.console_tokens.find_valid(token_hash)
        if row is None:
            raise exception.InvalidToken()
        return cls(context).set_fields(row)


def hash_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def newest_action(instance: Instance) -> int:
    """For :func:`create`: read before the host of the server is asked for the connection."""
    return db.console_tokens.newest_action(instance.uuid)


def create(instance: Instance, action_id: int, connection: Connection) -> str:
    """Store a new token for a console of a server. Returns the URL with the token.

    ``action_id``: the newest action when the connection was not known yet; later ones may revoke
    the token.
    """
    token = str(uuid.uuid4())
    values = {
        **connection,
        "token_hash": hash_of(token),
        "instance_uuid": instance.uuid,
        "compute_host": instance.host,
        "action_id": action_id,
        "expires_at": utcnow() + datetime.timedelta(seconds=CONF.consoleauth.token_ttl),
    }
    db.console_tokens.add(values)
    return _url(connection, token)


def _url(connection: Connection, token: str) -> str:
    """noVNC takes the path of its websocket, with the token, from the parameter ``path``."""
    if connection["console_type"] == NOVNC:
        query = urllib.parse.urlencode({"path": f"?token={token}"})
    else:
        query = urllib.parse.urlencode({"token": token})
    return f"{connection['access_url_base']}?{query}"
