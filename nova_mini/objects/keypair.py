"""Key pairs: the public keys of users."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oslo_versionedobjects import fields

from nova_mini import db, exception
from nova_mini.objects.base import NovaObject, ObjectList, TimestampedObject, register, remotable

if TYPE_CHECKING:
    from nova_mini.context import RequestContext


@register
class KeyPair(TimestampedObject, NovaObject):
    VERSION = "1.0"

    fields = {
        "id": fields.IntegerField(),
        "user_id": fields.StringField(),
        "name": fields.StringField(),
        "type": fields.StringField(),
        "fingerprint": fields.StringField(),
        "public_key": fields.StringField(),
    }

    @classmethod
    @remotable
    def get_by_name(cls, context: RequestContext, user_id: str | None, name: str) -> KeyPair:
        """Raises KeypairNotFound."""
        row = db.key_pairs.get(user_id, name)
        if row is None:
            raise exception.KeypairNotFound(name=name, user_id=user_id)
        return cls(context).set_fields(row)

    @remotable
    def create(self) -> None:
        """Raises KeyPairExists."""
        self.set_fields(db.key_pairs.create(self.obj_get_changes()))

    @remotable
    def destroy(self) -> None:
        db.key_pairs.destroy(self.user_id, self.name)


@register
class KeyPairList(ObjectList):
    VERSION = "1.0"
    fields = {"objects": fields.ListOfObjectsField("KeyPair")}

    @classmethod
    @remotable
    def get_by_user(
        cls,
        context: RequestContext,
        user_id: str | None,
        limit: int | None = None,
        marker: str | None = None,
    ) -> KeyPairList:
        """One page in the order of names, after the name ``marker``. Raises MarkerNotFound."""
        rows = db.key_pairs.get_by_user(user_id, limit, marker)
        return cls.of(context, (KeyPair(context).set_fields(row) for row in rows))
