"""Errors of key pairs."""

from __future__ import annotations

from nova_mini.exception.base import Conflict, Invalid, NotFound, OverQuota


class KeypairNotFound(NotFound):
    msg_fmt = "Keypair %(name)s not found for user %(user_id)s"


class KeyPairExists(Conflict):
    msg_fmt = "Key pair '%(key_name)s' already exists."


class KeypairLimitExceeded(OverQuota):
    msg_fmt = "Quota exceeded, too many key pairs."


class InvalidKeypair(Invalid):
    msg_fmt = "Keypair data is invalid: %(reason)s"
