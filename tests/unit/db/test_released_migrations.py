"""The migrations of released versions do not change: databases have run them."""

from __future__ import annotations

import hashlib
import pathlib

import pytest

from nova_mini import db

VERSIONS = pathlib.Path(db.__file__).parent / "migrations" / "versions"

# SHA-256 of each file. Each release adds the hashes of its new migrations.
RELEASED = {
    "0001_initial.py": "75184c4e1a964ca538af8c3a32905130568d448020753398b759526a651bf80b",
    "0002_instances_deleted_at.py": (
        "fbf2fa08c1862641685358f2947e394d76bb1f296c293405337be5ce8ce4ba12"
    ),
    "0003_instance_revision.py": (
        "f6e8142341139133f63ffe371dabfec2f97477c7d5893d39ab71768ae750b0f4"
    ),
    "0004_binary_text.py": "dbee431b8d5b1158aa3336ace9e4c35e71e1ae39b64fa76b3abff50859cb3ce8",
    "0005_action_args_version.py": (
        "178c673c73c1b5b16a092047a90814424ed9f13fef761601071bf552925a925b"
    ),
}


@pytest.mark.parametrize("name", RELEASED)
def test_a_released_migration_is_unchanged(name):
    digest = hashlib.sha256((VERSIONS / name).read_bytes()).hexdigest()
    assert digest == RELEASED[name], (
        f"{name} is released, and databases have run it: add a new migration instead"
    )


def test_each_migration_follows_the_one_before():
    names = sorted(path.name for path in VERSIONS.glob("[0-9]*.py"))
    numbers = [name.split("_")[0] for name in names]
    assert numbers == [f"{number:04}" for number in range(1, len(names) + 1)]
    for before, name in zip(["None", *numbers], names, strict=False):
        text = (VERSIONS / name).read_text()
        parent = before if before == "None" else f'"{before}"'
        assert f"down_revision = {parent}\n" in text, name
