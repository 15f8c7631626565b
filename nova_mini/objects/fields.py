"""Field types of the versioned objects."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oslo_versionedobjects import fields

from nova_mini.objects.network_model import NetworkInfo

if TYPE_CHECKING:  # at run time, not every release of the library has generic classes
    _FieldType = fields.FieldType[Any]
    _DictField = fields.AutoTypedField[dict[str, Any]]
    _ListField = fields.AutoTypedField[list[Any]]
    _NetworkField = fields.AutoTypedField[NetworkInfo]
else:
    _FieldType = fields.FieldType
    _DictField = _ListField = _NetworkField = fields.AutoTypedField


class _Json(_FieldType):
    """A JSON value. To change it, assign a new value: changes inside the value are not detected."""

    def __init__(self, kind: type):
        self._kind = kind

    def coerce(self, obj: Any, attr: str, value: Any) -> Any:
        if not isinstance(value, self._kind):
            raise ValueError(f"{attr} must be a {self._kind.__name__}, not {type(value).__name__}")
        return value


class _NetworkInfo(_FieldType):
    def coerce(self, obj: Any, attr: str, value: Any) -> NetworkInfo:
        if isinstance(value, NetworkInfo):
            return value
        return NetworkInfo.from_json(value)

    @staticmethod
    def to_primitive(obj: Any, attr: str, value: NetworkInfo) -> str:
        return value.to_json()

    @staticmethod
    def from_primitive(obj: Any, attr: str, value: Any) -> NetworkInfo:
        return NetworkInfo.from_json(value)


class JsonDictField(_DictField):
    AUTO_TYPE = _Json(dict)


class JsonListField(_ListField):
    AUTO_TYPE = _Json(list)


class NetworkInfoField(_NetworkField):
    AUTO_TYPE = _NetworkInfo()
