"""The certificates of native TLS: where libvirt looks for them, and what is said without them."""

from __future__ import annotations

import pytest

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.virt.libvirt.migration import certificates, checks
from tests.unit.virt.libvirt.test_live_migration import SOURCE, Host


@pytest.fixture
def config(tmp_path, monkeypatch):
    """``config(text)``: libvirt's configuration."""
    path = tmp_path / "qemu.conf"
    monkeypatch.setattr(certificates, "QEMU_CONFIG", path)
    monkeypatch.setattr(certificates, "_FOLDERS", (f"{tmp_path}/own", f"{tmp_path}/common"))
    return path.write_text


@pytest.mark.parametrize(
    ("text", "folder"),
    [
        ('default_tls_x509_cert_dir = "/etc/default"\n', "/etc/default"),
        (
            'default_tls_x509_cert_dir = "/etc/default"\n  migrate_tls_x509_cert_dir="/etc/own"',
            "/etc/own",
        ),
        ('#migrate_tls_x509_cert_dir = "/etc/own"\nmigrate_tls_x509_verify = 1\n', "common"),
    ],
)
def test_the_folder_of_libvirts_configuration(config, tmp_path, text, folder):
    config(text)
    assert certificates.find_folder() == tmp_path / folder


def test_the_folder_without_a_configuration(config, tmp_path):
    assert certificates.find_folder() == tmp_path / "common"
    (tmp_path / "own").mkdir()
    assert certificates.find_folder() == tmp_path / "own"


@pytest.fixture
def encrypted(config, tmp_path):
    """The destination has the option. Yields the folder of its certificates."""
    CONF.set_override("live_migration_with_native_tls", True, group="libvirt")
    folder = tmp_path / "own"
    folder.mkdir()
    yield folder
    CONF.clear_override("live_migration_with_native_tls", group="libvirt")


def encrypting_source():
    return checks.Facts.from_dict({**SOURCE.__dict__, "disks": vars_of(), "native_tls": True})


def vars_of() -> dict:
    disks = SOURCE.disks
    return {**disks.__dict__, "files": [each.__dict__ for each in disks.files]}


def test_a_destination_with_certificates(encrypted):
    for name in certificates.AT_DESTINATION:
        (encrypted / name).touch()
    checks.check(Host(), encrypting_source())


@pytest.mark.parametrize("missing", certificates.AT_DESTINATION)
def test_a_destination_without_a_certificate(encrypted, missing):
    for name in certificates.AT_DESTINATION:
        if name != missing:
            (encrypted / name).touch()
    with pytest.raises(exception.MigrationPreCheckError, match=f"destination.* has no {missing}"):
        checks.check(Host(), encrypting_source())


def test_a_source_without_certificates(encrypted):
    (encrypted / "ca-cert.pem").touch()
    with pytest.raises(exception.MigrationPreCheckError, match="client-cert.pem, client-key.pem"):
        certificates.check(certificates.AT_SOURCE, "source")


def test_only_the_destination_encrypts(encrypted):
    with pytest.raises(exception.MigrationPreCheckError, match="not at the source"):
        checks.check(Host(), SOURCE)
