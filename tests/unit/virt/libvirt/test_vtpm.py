"""Virtual TPMs of a host: what libvirt offers, the secret for the start of a guest, and the state
when the guest moves."""

from __future__ import annotations

import os
import pwd
import types

import libvirt
import pytest
from lxml import etree

from nova_mini import exception
from nova_mini.conf import CONF
from nova_mini.context import RequestContext
from nova_mini.keymgr.passphrases import Passphrase
from nova_mini.virt.libvirt import guest_config, traits, utils, vtpm, vtpm_state
from nova_mini.virt.libvirt.secrets import LibvirtConfigSecret, Secrets
from tests import servers
from tests.unit.virt.libvirt.test_moved_files import ADDRESS, MOVE, OTHER_MOVE
from tests.unit.virt.libvirt.test_volume_drivers import Keeper

KEY = "6b0e3c1a-0000-4000-8000-000000000001"
MADE = {"vtpm_secret_uuid": KEY}
CONTENT = b"the passphrase"
CONTEXT = RequestContext(overwrite=False)

DOMAIN = """
<domainCapabilities><devices>
  <tpm supported='{supported}'>
    <enum name='model'>{models}</enum>
    <enum name='backendModel'><value>passthrough</value>{backend}</enum>
    <enum name='backendVersion'>{versions}</enum>
  </tpm>
</devices></domainCapabilities>"""


def capabilities(
    supported="yes", backend="emulator", models=("tpm-tis", "tpm-crb"), versions=("1.2", "2.0")
) -> etree._Element:
    def listed(*values) -> str:
        return "".join(f"<value>{each}</value>" for each in values if each)

    return etree.fromstring(
        DOMAIN.format(
            supported=supported,
            backend=listed(backend),
            models=listed(*models, "tpm-spapr"),
            versions=listed(*versions),
        )
    )


def with_tpm(key=MADE):
    """A server with a TPM. ``key``: what is recorded of its passphrase."""
    flavor = servers.make_flavor(extra_specs={"hw:tpm_version": "2.0", "hw:tpm_model": "tpm-crb"})
    return servers.make_instance(flavor, system_metadata=key)


# -- the host ------------------------------------------------------------------------------------


@pytest.fixture
def enabled(override):
    override("swtpm_enabled", True, "libvirt")
    override("backend", "barbican", "key_manager")
    override("swtpm_user", pwd.getpwuid(os.getuid()).pw_name, "libvirt")
    override("swtpm_group", "root" if os.getuid() == 0 else "users", "libvirt")


def of_tpms(**more) -> set[str]:
    prefix = "COMPUTE_SECURITY_TPM_"
    found = traits._of_tpms(capabilities(**more))
    return {each.removeprefix(prefix) for each in found}


def test_the_traits(enabled):
    user = "SECRET_SECURITY_USER"
    assert of_tpms() == {"1_2", "2_0", "TIS", "CRB", user}
    assert of_tpms(versions=["2.0"], models=["tpm-tis"]) == {"2_0", "TIS", user}


@pytest.mark.parametrize(
    "missing", [{"supported": "no"}, {"backend": ""}, {"versions": ()}, {"models": ()}]
)
def test_no_traits(enabled, missing):
    assert of_tpms(**missing) == set()


def test_no_traits_unless_it_is_enabled():
    assert of_tpms() == set()
    vtpm.check_host()


def test_a_host_that_can_have_tpms(enabled):
    vtpm.check_host()


@pytest.mark.parametrize(
    ("name", "group", "value"),
    [
        ("backend", "key_manager", None),
        ("swtpm_user", "libvirt", "no-such-user"),
        ("swtpm_group", "libvirt", "no-such-group"),
    ],
)
def test_a_host_that_cannot(enabled, override, name, group, value):
    override(name, value, group)
    with pytest.raises(exception.ConfigurationError):
        vtpm.check_host()


# -- the guest -----------------------------------------------------------------------------------


def test_the_device():
    (device,) = guest_config._tpm(with_tpm())
    tpm = etree.fromstring(device.to_xml())
    assert tpm.get("model") == "tpm-crb"
    assert dict(tpm.find("backend").attrib) == {"type": "emulator", "version": "2.0"}
    assert tpm.find("backend/encryption").get("secret") == KEY
    assert list(guest_config._tpm(servers.make_instance())) == []


def test_no_guest_without_a_passphrase():
    with pytest.raises(exception.HypervisorError):
        list(guest_config._tpm(with_tpm(key={})))


class Kept:
    """The key manager. ``content`` None: it refuses."""

    content = CONTENT

    def get(self, context, passphrase, project_id):
        assert (passphrase, project_id) == (Passphrase(KEY), "project") and context is CONTEXT
        if self.content is None:
            raise exception.KeyNotAvailable(key_id=KEY)
        return self.content


@pytest.fixture
def kept():
    return Kept()


@pytest.fixture
def keeper():
    return Keeper()


@pytest.fixture
def tpms(keeper, kept):
    host = types.SimpleNamespace(get_connection=lambda: keeper)
    return vtpm.VirtualTpms(Secrets(host), kept)


def test_libvirt_has_the_passphrase_only_while_the_guest_starts(tpms, keeper):
    instance = with_tpm()
    with tpms.unlocked(CONTEXT, instance):
        (secret,) = keeper.secrets.values()
        assert (secret.uuid, secret.value) == (KEY, CONTENT)
        assert secret.usageID() == instance.uuid
    assert keeper.secrets == {}
    with pytest.raises(RuntimeError), tpms.unlocked(CONTEXT, instance):
        raise RuntimeError("the guest does not start")
    assert keeper.secrets == {}


def test_libvirt_neither_stores_nor_shows_it():
    xml = LibvirtConfigSecret("vtpm", KEY, "the uuid of the server", ephemeral=True).to_xml()
    secret = etree.fromstring(xml)
    assert (secret.get("ephemeral"), secret.get("private")) == ("yes", "yes")
    assert secret.findtext("usage[@type='vtpm']/name") == "the uuid of the server"


def test_a_guest_without_a_tpm_needs_no_key(tpms, keeper):
    with tpms.unlocked(CONTEXT, servers.make_instance()):
        assert keeper.secrets == {}


def test_a_key_manager_that_refuses(tpms, kept, keeper):
    kept.content = None
    with pytest.raises(exception.KeyNotAvailable), tpms.unlocked(CONTEXT, with_tpm()):
        raise AssertionError("the guest would be started")
    assert keeper.secrets == {}


def test_a_secret_that_a_dead_process_left(tpms, keeper, monkeypatch):
    removed = []

    class Left:
        def undefine(self):
            removed.append(True)

    def lookup(usage, name):
        assert (usage, name) == (libvirt.VIR_SECRET_USAGE_TYPE_VTPM, "uuid")
        return Left()

    keeper.secretLookupByUsage = lookup
    tpms.forget("uuid")
    assert removed == [True]


# -- the state -----------------------------------------------------------------------------------


@pytest.fixture
def states(enabled, tmp_path, monkeypatch):
    path = tmp_path / "swtpm"
    path.mkdir()
    monkeypatch.setattr(vtpm_state, "STATES", path)
    return path


@pytest.fixture
def instance(states):
    made = with_tpm()
    utils.get_instance_path(made).mkdir()
    return made


def make_state(states, instance, content="sealed", version="tpm2") -> None:
    folder = states / instance.uuid / version
    folder.mkdir(parents=True)
    (folder / f"{version}-00.permall").write_text(content)
    (folder / ".lock").touch()


def state_of(states, instance) -> dict[str, str]:
    folder = states / instance.uuid
    return {str(path.relative_to(folder)): path.read_text() for path in folder.glob("*/[!.]*")}


def test_a_revert_on_the_same_host(states, instance):
    make_state(states, instance)
    for _ in range(2):
        vtpm_state.keep_for_revert(instance)
        (states / instance.uuid / "tpm2" / "tpm2-00.permall").write_text("changed")
    make_state(states, instance, version="tpm1.2")
    for _ in range(2):
        vtpm_state.revert(instance)
        assert state_of(states, instance) == {"tpm2/tpm2-00.permall": "sealed"}
    vtpm_state.discard_revert_copy(instance)
    (states / instance.uuid / "tpm2" / "tpm2-00.permall").write_text("later")
    vtpm_state.revert(instance)
    assert state_of(states, instance) == {"tpm2/tpm2-00.permall": "later"}
    assert list(utils.get_instance_path(instance).iterdir()) == []


def test_without_a_state(states, instance):
    vtpm_state.keep_for_revert(instance)
    vtpm_state.revert(instance)
    vtpm_state.discard_revert_copy(instance)
    vtpm_state.remove(instance.uuid)
    assert list(states.iterdir()) == []


@pytest.fixture
def at_source(ssh, states, instance):
    """Where the source has its states. The command of ``ssh`` reads them there."""
    source = states.with_name("source")
    source.mkdir()
    ssh.write(f'eval "$(echo "$last" | sed "s#{states}#{source}#g")"')
    return source


def test_the_state_comes_along(states, instance, at_source):
    make_state(at_source, instance)
    make_state(states, instance, "of an earlier stay")
    vtpm_state.fetch(instance, MOVE, ADDRESS)
    assert state_of(states, instance) == {"tpm2/tpm2-00.permall": "sealed"}
    folder = states / instance.uuid
    assert folder.stat().st_mode & 0o777 == 0o711
    assert (folder / "tpm2").stat().st_mode & 0o777 == 0o700
    assert (folder / "tpm2" / "tpm2-00.permall").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in states.iterdir()] == [instance.uuid]


def test_it_is_not_read_again_when_the_guest_has_used_it(states, instance, at_source):
    make_state(at_source, instance)
    vtpm_state.fetch(instance, MOVE, ADDRESS)
    used = states / instance.uuid / "tpm2" / "tpm2-00.permall"
    used.write_text("used")
    vtpm_state.fetch(instance, MOVE, ADDRESS)
    assert used.read_text() == "used"
    vtpm_state.fetch(instance, OTHER_MOVE, ADDRESS)
    assert state_of(states, instance) == {"tpm2/tpm2-00.permall": "sealed"}


def test_a_source_without_it(states, instance, at_source):
    with pytest.raises(exception.DisksNotMoved):
        vtpm_state.fetch(instance, MOVE, ADDRESS)
    (at_source / instance.uuid).mkdir()
    with pytest.raises(exception.DisksNotMoved):
        vtpm_state.fetch(instance, MOVE, ADDRESS)
    assert not (states / instance.uuid).exists()


def test_only_files_of_a_tpm_are_written(states, instance, at_source, monkeypatch):
    make_state(at_source, instance)
    folder = at_source / instance.uuid
    (folder / "evil").write_text("x")
    (folder / "tpm2" / "link").symlink_to("/etc/passwd")
    (folder / "tpm2" / "deep").mkdir()
    (folder / "tpm2" / "deep" / "file").write_text("x")
    vtpm_state.fetch(instance, MOVE, ADDRESS)
    assert state_of(states, instance) == {"tpm2/tpm2-00.permall": "sealed"}
    monkeypatch.setattr(vtpm_state, "_MAX_SIZE", 3)
    with pytest.raises(exception.DisksNotMoved, match="too large"):
        vtpm_state.fetch(instance, OTHER_MOVE, ADDRESS)


def test_the_link_breaks(states, instance, ssh):
    ssh.write("printf broken; exit 255")
    with pytest.raises(exception.ActionInterrupted):
        vtpm_state.fetch(instance, MOVE, ADDRESS)
    assert CONF.libvirt.swtpm_enabled and not (states / instance.uuid).exists()
