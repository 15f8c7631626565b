"""Error messages for invalid bodies; they contain no secrets and are short."""

import pytest
from webob.multidict import MultiDict

from nova_mini import exception
from nova_mini.api.openstack.api_version import APIVersion
from nova_mini.api.validation import Schemas
from nova_mini.api.validation import parameter_types as types

SCHEMA = types.body_of(
    "thing",
    {
        "name": types.name,
        "size": types.positive_integer,
        "id": types.uuid,
        "kind": {"type": "string", "enum": ["big", "small"]},
        "password": {"type": "string", "maxLength": 8},
        "parts": {"type": "array", "items": {"type": "string"}, "minItems": 1, "maxItems": 2},
        "zone": {"anyOf": [types.az_name, {"type": "null"}]},
    },
    ["name"],
)
VERSION = APIVersion(2, 1)


def refusal(value, schema=SCHEMA):
    schemas = Schemas()
    schemas.add(schema, "2.1", None)
    with pytest.raises(exception.ValidationError) as caught:
        schemas.validate(value, VERSION)
    return str(caught.value)


def field(name: str, value: str, reason: str) -> str:
    return f"Invalid input for field/attribute {name}. Value: {value}. {reason}"


@pytest.mark.parametrize(
    ("thing", "expected"),
    [
        ({}, field("thing", "{}", "'name' is a required property")),
        ({"name": 1}, field("name", "1", "1 is not of type 'string'")),
        ({"name": "x", "size": 0}, field("size", "0", "0 is less than the minimum of 1")),
        ({"name": "x", "id": "1"}, field("id", "1", "'1' is not a 'uuid': a UUID")),
        (
            {"name": "x", "kind": "odd"},
            field("kind", "odd", "'odd' is not one of ['big', 'small']"),
        ),
        ({"name": "x", "parts": ["a", 1]}, field("parts.1", "1", "1 is not of type 'string'")),
        ({"name": "x", "size": "4294967296"}, "a whole number of at most 2147483647"),
        ({"name": "x", "parts": ["a", "b", "c"]}, "['a', 'b', 'c'] is too long"),
        ({"name": "x", "colour": 1}, "Additional properties are not allowed ('colour' was unex"),
        ({"name": " x"}, "An invalid 'name' value was provided. The name must be: printable"),
        ({"name": "x", "zone": "a:b"}, "The name must be: printable characters except :."),
        ({"name": "x", "password": "secret-secret"}, "password. Value: ***. *** is too long"),
        ({"password": "secret-secret"}, "'password': '***'"),
        ({"name": "x", "parts": [{"user_data": "secret"}]}, "Value: {'user_data': '***'}."),
    ],
)
def test_messages_for_bodies(thing, expected):
    message = refusal({"thing": thing})
    assert expected in message
    assert "secret" not in message


def test_message_shows_only_invalid_metadata_names():
    schema = types.body_of("thing", {"metadata": types.metadata})
    message = refusal({"thing": {"metadata": {"good": "1", "b\u00e4d": "2", "fine": "3"}}}, schema)
    assert "'b\u00e4d' does not match any of the regexes" in message
    assert "good" not in message.partition("regexes")[0].partition("}. ")[2]


def test_messages_for_query_strings():
    schemas = Schemas()
    schemas.add(types.query_params({"limit": types.limit}, strict=True), "2.1", None)
    messages = []
    for query in ({"limit": "x"}, {"unknown": "1"}):
        with pytest.raises(exception.ValidationError) as caught:
            schemas.validate_query(MultiDict(query), VERSION)
        messages.append(str(caught.value))
    assert messages[0].startswith(
        "Invalid input for query parameters limit. Value: x. 'x' does not"
    )
    assert messages[1] == "Additional properties are not allowed ('unknown' was unexpected)"


def test_legacy_api_removes_unknown_properties():
    schemas = Schemas()
    schemas.add(SCHEMA, "2.1", None)
    body = {"thing": {"name": "x", "colour": 1}, "more": 2}
    schemas.validate(body, VERSION, relaxed=True)
    assert body == {"thing": {"name": "x"}}
    with pytest.raises(exception.ValidationError):
        schemas.validate({"thing": {"colour": 1}}, VERSION, relaxed=True)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "None is not of type 'object'"),
        ([], "[] is not of type 'object'"),
        ({}, "'thing' is a required property"),
    ],
)
def test_messages_for_bodies_with_wrong_structure(value, expected):
    assert refusal(value) == expected


def test_message_is_shortened():
    assert len(refusal({"thing": {"name": "x", "y" * 100_000: 1}})) < 1100


def test_a_value_a_bit_too_long_is_shown_whole():
    name = "n" * 256
    assert refusal({"thing": {"name": name}}).count(name) == 2


def test_message_for_deeply_nested_value():
    value = "x"
    for _ in range(5000):
        value = {"x": [value]}
    assert refusal({"thing": value})
