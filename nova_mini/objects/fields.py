"""Field types of ours."""

from __future__ import annotations

from oslo_versionedobjects import fields

from nova_mini.network.model import NetworkInfo


class _Json(fields.FieldType):
    """A JSON value as it is. Assign a new value to change it: changes inside are not noticed."""

    def __init__(self, kind: type):
        self._kind = kind

    def coerce(self, obj, attr, value):
        if not isinstance(value, self._kind):
            raise ValueError(f"{attr} must be a {self._kind.__name__}, not {type(value).__name__}")
        return value


class _NetworkInfo(fields.FieldType):
    def coerce(self, obj, attr, value):
        if isinstance(value, NetworkInfo):
            return value
        return NetworkInfo.from_json(value)

    @staticmethod
    def to_primitive(obj, attr, value):
        return value.to_json()

    @staticmethod
    def from_primitive(obj, attr, value):
        return NetworkInfo.from_json(value)


class JsonDictField(fields.AutoTypedField):
    AUTO_TYPE = _Json(dict)


class JsonListField(fields.AutoTypedField):
    AUTO_TYPE = _Json(list)


class NetworkInfoField(fields.AutoTypedField):
    AUTO_TYPE = _NetworkInfo()
