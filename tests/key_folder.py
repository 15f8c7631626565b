"""A key manager that is a folder: a backend of castellan for clouds under test.

Each passphrase is a file. Its owner is the project of the token; other projects see nothing of it.
"""

from __future__ import annotations

import json
import os
import pathlib
import uuid

from castellan.common import exception as castellan_exc
from castellan.common.objects.passphrase import Passphrase
from castellan.key_manager.key_manager import KeyManager

BACKEND = "tests.key_folder.FolderKeyManager"
VARIABLE = "NOVA_MINI_TEST_KEYS"  # names the folder


class FolderKeyManager(KeyManager):
    def __init__(self, configuration):
        self._folder = pathlib.Path(os.environ[VARIABLE])

    def store(self, context, managed_object, expiration=None):
        key_id = str(uuid.uuid4())
        content = managed_object.get_encoded().decode()
        record = {"name": managed_object.name, "content": content, "owner": self._owner(context)}
        part = self._folder / f"{key_id}.part"
        part.write_text(json.dumps(record))
        part.rename(self._folder / f"{key_id}.json")
        return key_id

    def get(self, context, managed_object_id, metadata_only=False):
        record = self._read(context, managed_object_id)
        return Passphrase(record["content"].encode(), name=record["name"])

    def delete(self, context, managed_object_id, force=False):
        self._read(context, managed_object_id)
        self._file(managed_object_id).unlink()

    def list(self, context, object_type=None, metadata_only=False):
        found = {path.stem: json.loads(path.read_text()) for path in self._folder.glob("*.json")}
        return [
            Passphrase(None, name=record["name"], id=key_id)
            for key_id, record in found.items()
            if record["owner"] == self._owner(context)
        ]

    def _file(self, key_id):
        return self._folder / f"{key_id}.json"

    def _read(self, context, key_id):
        if not self._file(key_id).exists():
            raise castellan_exc.ManagedObjectNotFoundError(uuid=key_id)
        record = json.loads(self._file(key_id).read_text())
        if self._owner(context) not in (record["owner"], "service"):
            raise castellan_exc.KeyManagerError(reason="Forbidden")
        return record

    def _owner(self, context):
        """``service``, or the project."""
        return "service" if context.is_service else context.project_id

    def create_key(self, context, *args, **kwargs):
        raise NotImplementedError

    create_key_pair = add_consumer = remove_consumer = create_key


def keys(folder: pathlib.Path) -> dict[str, dict[str, str]]:
    """id -> name, content and owner of all passphrases."""
    return {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
