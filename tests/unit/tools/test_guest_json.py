"""The guest reads its metadata with an awk program: it must agree with a real JSON parser."""

import json
import pathlib
import shutil
import subprocess

import pytest

PROGRAM = pathlib.Path(__file__).parents[3] / "tools/guest/rootfs/usr/lib/guest/json.awk"
AWKS = [["awk"], *([["busybox", "awk"]] if shutil.which("busybox") else [])]


def flatten(awk: list[str], text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*awk, "-f", str(PROGRAM)], input=text, capture_output=True, text=True, timeout=10
    )


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize("indent", [None, 2])
def test_paths_and_values(awk, indent):
    document = {
        "uuid": "u-1",
        "public_keys": {"my key": "ssh-rsa AAAA me@host\n"},
        "meta": {"quote": 'a "b" \\ c', "brace": "}{][,:", "fake": '"public_keys": {"x": "y"}'},
        "keys": [{"name": "k"}, {"name": "l"}],
        "launch_index": 0,
        "empty": {},
        "none": [],
        "flag": True,
    }
    result = flatten(awk, json.dumps(document, indent=indent))
    assert result.returncode == 0
    assert result.stdout.splitlines() == [
        "/uuid\tu-1",
        "/public_keys/my key\tssh-rsa AAAA me@host ",
        '/meta/quote\ta "b" \\ c',
        "/meta/brace\t}{][,:",
        '/meta/fake\t"public_keys": {"x": "y"}',
        "/keys/0/name\tk",
        "/keys/1/name\tl",
        "/launch_index\t0",
        "/flag\ttrue",
    ]


@pytest.mark.parametrize("awk", AWKS, ids=" ".join)
@pytest.mark.parametrize("text", ["", "<html>502</html>", '{"a": "b"', '{"a" "b"}', '{"a": "b}'])
def test_not_json(awk, text):
    assert flatten(awk, text).returncode == 1
