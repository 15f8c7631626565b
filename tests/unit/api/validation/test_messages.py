"""What a user reads of a body that does not match; and that its values stay out of it."""

import pytest

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


@pytest.mark.parametrize(
    ("thing", "told"),
    [
        ({}, "'thing' lacks the required 'name'"),
        ({"name": 1}, "'thing.name' must be of type string"),
        ({"name": " x"}, "'thing.name' must be printable text"),
        ({"name": "x", "size": 0}, "'thing.size' must be at least 1"),
        ({"name": "x", "size": 2**31}, "'thing.size' may be at most 2147483647"),
        ({"name": "x", "size": "4294967296"}, "'thing.size' must be a whole number of at most"),
        ({"name": "x", "id": "1"}, "'thing.id' must be a UUID"),
        ({"name": "x", "kind": "odd"}, "'thing.kind' must be one of big, small"),
        ({"name": "x", "parts": []}, "'thing.parts' needs at least 1 items"),
        ({"name": "x", "parts": ["a", "b", "c"]}, "'thing.parts' may have at most 2 items"),
        ({"name": "x", "parts": ["a", 1]}, "'thing.parts.1' must be of type string"),
        ({"name": "x", "zone": "a:b"}, "'thing.zone' must be a name without ':'"),
        ({"name": "x", "colour": 1}, "'thing' has 'colour', which is not known here"),
        ({"name": "x", "password": "secret-secret"}, "'thing.password' may have at most 8"),
    ],
)
def test_sentences(thing, told):
    message = refusal({"thing": thing})
    assert told in message
    assert "secret" not in message


@pytest.mark.parametrize("value", [None, [], "text", 5, {"things": {}}])
def test_another_form_altogether(value):
    assert refusal(value).startswith("Invalid input: it")


def test_a_message_is_short():
    assert len(refusal({"thing": {"name": "x", "y" * 100_000: 1}})) < 600


def test_a_value_nested_too_deep():
    value = "x"
    for _ in range(5000):
        value = {"x": [value]}
    assert refusal({"thing": value})
