"""Notifications about key pairs: ``keypair.<event>``, unversioned and versioned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nova_mini.conf import CONF
from nova_mini.notifications import versioned
from nova_mini.notifications.sending import send, sends_unversioned
from nova_mini.notifications.versioned import field_of

if TYPE_CHECKING:
    from nova_mini.context import RequestContext
    from nova_mini.objects.keypair import KeyPair


def notify_about_keypair(context: RequestContext, event: str, keypair: KeyPair) -> None:
    """Send a notification of ``event`` (``create.start``, ``import.end``, ``delete.start`` …).

    Before its creation, a key that is to be generated has neither ``public_key`` nor
    ``fingerprint``. Called by the API.
    """
    if sends_unversioned():
        payload = {
            "tenant_id": context.project_id,
            "user_id": keypair.user_id,
            "key_name": keypair.name,
        }
        send(context, f"api.{CONF.host}", f"keypair.{event}", payload)
    versioned.send(context, f"keypair.{event}", versioned.API, lambda: _payload(keypair))


def _payload(keypair: KeyPair) -> dict[str, Any]:
    return payload_of(
        user_id=keypair.user_id,
        name=keypair.name,
        kind=keypair.type,
        public_key=field_of(keypair, "public_key"),
        fingerprint=field_of(keypair, "fingerprint"),
    )


def payload_of(
    *,
    user_id: str | None,
    name: str,
    kind: str,
    public_key: str | None,
    fingerprint: str | None,
) -> dict[str, Any]:
    data = {
        "user_id": user_id,
        "name": name,
        "fingerprint": fingerprint,
        "public_key": public_key,
        "type": kind,
    }
    return versioned.serialized("KeypairPayload", "1.0", data)
