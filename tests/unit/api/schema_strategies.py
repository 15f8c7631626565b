"""Values that mostly match a JSON Schema of the API. The server decides whether they do."""

from __future__ import annotations

import base64
import string

from hypothesis import strategies as st

# One of each kind that some part of a service may stumble over: planes 1 to 3, 14 and the private
# ones, characters that show nothing, blanks, controls, and what SQL and URLs give a meaning to.
_ODD = (
    "\U0001f600\U00020000\U00030000\U000e0001\U000f0000\U0010fffd\u200b\u2028\u3000\x85"
    "\x1b\t %_!'\"\\;/"
)
text = st.text(st.characters(codec="utf-8") | st.sampled_from(_ODD), max_size=300)
#: Regular expressions, and the numbers of the texts that each is found in, the last first.
EXPRESSION_TEXTS = ("web-1", "web-2", "a web.3", "é😀", "sk_1", "xx")
EXPRESSIONS = [
    ("web", "321"),
    ("^web", "21"),
    ("WEB-2$", "2"),
    ("web.*2", "2"),
    ("^.*b-1$", "1"),
    ("w.b", "321"),
    (r"b\.3", "3"),
    ("(web|none)-[12]", "21"),
    ("é", "4"),
    ("É", "4"),
    ("😀$", "4"),
    ("^sk_1$", "5"),
    ("sk%1", ""),
    ("x{2,3}", "6"),
    ("^$", ""),
]
#: Backtracking engines need minutes for each of these, or give up.
EXPLOSIVE = ["(a+)+$", "(a|aa)+$", "(.*a){25}$", "(?:a?){60}a{60}"]
names = st.text(string.ascii_letters + string.digits + "-_.", min_size=1, max_size=70)
letters = st.text(string.ascii_lowercase, min_size=2, max_size=63)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)

FORMATS = {
    "uuid": st.uuids().map(str),
    "date-time": st.datetimes().map(lambda when: when.isoformat() + "Z"),
    "base64": st.binary(max_size=60).map(lambda data: base64.b64encode(data).decode()),
    "ipv4": st.ip_addresses(v=4).map(str),
    "ipv6": st.ip_addresses(v=6).map(str),
    "int32": st.integers(0, 2**31 - 1).map(str),
    "limit": st.integers(-1, 2**31 - 1).map(str),
    "hostname": letters,
    "fqdn": letters,
    "printable": names | text,
    "text": names | text,
    "regex": st.one_of(
        st.sampled_from(
            [".*", "^a+$", "(x", "[", "a{1,99999}", "\\", *EXPLOSIVE, "^web.*$", "|", "_%!"]
        ),
        st.lists(
            st.sampled_from(
                [
                    "a",
                    "é",
                    "😀",
                    ".",
                    "*",
                    "+",
                    "?",
                    "(",
                    ")",
                    "|",
                    "[",
                    "]",
                    "^",
                    "$",
                    "\\",
                    "{2}",
                    "{1,9}",
                    "(?=",
                    r"\1",
                    r"\pL",
                    "[^a]",
                    " ",
                ]
            ),
            max_size=8,
        ).map("".join),
    ),
}


def values_of(schema: dict) -> st.SearchStrategy:
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    for choice in ("oneOf", "anyOf"):
        if choice in schema:
            return st.one_of(*(values_of({**_rest(schema), **each}) for each in schema[choice]))
    kinds = schema.get("type", [])
    kinds = [kinds] if isinstance(kinds, str) else kinds
    return st.one_of(*(_OF_TYPE[kind](schema) for kind in kinds)) if kinds else json_values


def _rest(schema: dict) -> dict:
    return {key: value for key, value in schema.items() if key not in ("oneOf", "anyOf")}


def _strings(schema: dict) -> st.SearchStrategy:
    if schema.get("format") in FORMATS:
        return FORMATS[schema["format"]]
    if "pattern" in schema:
        return st.from_regex(schema["pattern"]).map(lambda value: value[:300])
    return (names | text).map(lambda value: value[: schema.get("maxLength", 300)])


def _integers(schema: dict) -> st.SearchStrategy:
    least = schema.get("minimum", -10)
    return st.integers(least, min(schema.get("maximum", 2**40), least + 2**31))


def _arrays(schema: dict) -> st.SearchStrategy:
    items = schema.get("items", {})
    one = values_of(items) if isinstance(items, dict) else json_values
    least = schema.get("minItems", 0)
    return st.lists(one, min_size=least, max_size=max(least, min(schema.get("maxItems", 3), 3)))


def _objects(schema: dict) -> st.SearchStrategy:
    properties = {name: values_of(each) for name, each in schema.get("properties", {}).items()}
    required = {name: properties[name] for name in schema.get("required", []) if name in properties}
    optional = {name: each for name, each in properties.items() if name not in required}
    fixed = st.fixed_dictionaries(required, optional=optional)
    patterns = schema.get("patternProperties")
    if not patterns:
        return fixed
    more = st.one_of(
        *(
            st.dictionaries(st.from_regex(pattern), values_of(each), max_size=3)
            for pattern, each in patterns.items()
        )
    )
    return st.builds(lambda one, two: {**two, **one}, fixed, more)


_OF_TYPE = {
    "null": lambda schema: st.none(),
    "boolean": lambda schema: st.booleans(),
    "integer": _integers,
    "number": lambda schema: _integers(schema) | st.floats(0.1, 1000),
    "string": _strings,
    "array": _arrays,
    "object": _objects,
}


@st.composite
def damaged(draw, whole: st.SearchStrategy):
    """An object of ``whole`` in which one part, at any depth, is a random value."""
    value = place = draw(whole)
    while isinstance(place, dict) and place:
        key = draw(st.sampled_from(sorted(place)))
        if isinstance(place[key], dict) and place[key] and draw(st.booleans()):
            place = place[key]
            continue
        place[key] = draw(json_values)
        break
    return value
