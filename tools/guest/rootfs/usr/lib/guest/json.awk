# Flattens a JSON document: a line "/path/of/keys<TAB>value" per scalar. Line breaks and tabs
# inside a string become spaces. Exit status 1: not JSON.
{ text = text $0 "\n" }
END { value(""); exit failed }

function take(count,    taken) {
    taken = substr(text, 1, count)
    text = substr(text, count + 1)
    return taken
}

function next_char() {
    sub(/^[ \t\r\n]+/, "", text)
    return substr(text, 1, 1)
}

function fail() {
    failed = 1
    text = ""
}

function quoted(    raw, plain, char) {
    if (!match(text, /^"([^"\\]|\\.)*"/)) { fail(); return "" }
    raw = substr(take(RLENGTH), 2, RLENGTH - 2)
    while (match(raw, /\\/)) {
        char = substr(raw, RSTART + 1, 1)
        if (char ~ /[bfnrt]/) char = " "
        else if (char == "u") char = "\\u"
        plain = plain substr(raw, 1, RSTART - 1) char
        raw = substr(raw, RSTART + 2)
    }
    return plain raw
}

function value(path,    char) {
    char = next_char()
    if (char == "{") object(path)
    else if (char == "[") array(path)
    else if (char == "\"") print path "\t" quoted()
    else if (match(text, /^[-+.0-9A-Za-z]+/)) print path "\t" take(RLENGTH)
    else fail()
}

function object(path,    key) {
    take(1)
    if (next_char() == "}") { take(1); return }
    do {
        next_char()
        key = quoted()
        if (next_char() != ":") { fail(); return }
        take(1)
        value(path "/" key)
    } while (closed_by("}") == 0)
}

function array(path,    position) {
    take(1)
    if (next_char() == "]") { take(1); return }
    do value(path "/" position++)
    while (closed_by("]") == 0)
}

# Takes the separator after an element: 0 to go on, 1 when the collection ends here.
function closed_by(bracket,    char) {
    char = next_char()
    take(1)
    if (char == ",") return 0
    if (char != bracket) fail()
    return 1
}
