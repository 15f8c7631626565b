"""The certificates with which QEMU encrypts live migrations: ``live_migration_with_native_tls``."""

from __future__ import annotations

import pathlib
import re
from collections.abc import Sequence

from nova_mini import exception

QEMU_CONFIG = pathlib.Path("/etc/libvirt/qemu.conf")
AT_SOURCE = ("ca-cert.pem", "client-cert.pem", "client-key.pem")
AT_DESTINATION = ("ca-cert.pem", "server-cert.pem", "server-key.pem")
_OPTIONS = ("migrate_tls_x509_cert_dir", "default_tls_x509_cert_dir")
_FOLDERS = ("/etc/pki/libvirt-migrate", "/etc/pki/qemu")


def check(names: Sequence[str], side: str) -> None:
    """``side``: which host this is, for the message. Raises MigrationPreCheckError if one of the
    files is missing. If this service may not look for them, libvirt finds it out."""
    folder = find_folder()
    try:
        missing = [name for name in names if not (folder / name).exists()]
    except PermissionError:
        return
    if missing:
        raise exception.MigrationPreCheckError(
            reason=f"live_migration_with_native_tls is set, and the {side} of the migration has no "
            f"{', '.join(missing)}"
        )


def find_folder() -> pathlib.Path:
    """Where libvirt looks for the certificates of migrations."""
    options = _read_options()
    for name in _OPTIONS:
        if name in options:
            return pathlib.Path(options[name])
    own, common = (pathlib.Path(each) for each in _FOLDERS)
    return own if own.is_dir() else common


def _read_options() -> dict[str, str]:
    """The options of libvirt's QEMU driver that are strings. Empty if they cannot be read."""
    try:
        text = QEMU_CONFIG.read_text()
    except (FileNotFoundError, PermissionError):
        return {}
    return dict(re.findall(r'^[ \t]*(\w{1,64})[ \t]*=[ \t]*"([^"\n]*)"', text, re.MULTILINE))
