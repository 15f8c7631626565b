"""The traits of a libvirt host. CPU models are expanded by libvirt's test driver; what it does not
have, the capabilities for domains, is a text."""

from __future__ import annotations

import libvirt
import os_traits
import pytest

from nova_mini.virt.libvirt import cpu_models, traits
from nova_mini.virt.libvirt.events import EventHandler
from nova_mini.virt.libvirt.firmware import Firmware
from nova_mini.virt.libvirt.host import Capabilities, Host

_CAPABILITIES = """
<capabilities>
  <host><cpu><arch>{arch}</arch><topology sockets='1' cores='2' threads='{threads}'/></cpu></host>
</capabilities>"""
_DOMAIN = """
<domainCapabilities>
  <cpu>
    <mode name='host-model' supported='{supported}'>
      <model fallback='forbid'>EPYC</model>
      <feature policy='require' name='avx512f'/>
      <feature policy='require' name='hypervisor'/>
      <feature policy='disable' name='sha-ni'/>
    </mode>
  </cpu>
  <devices>
    <disk supported='yes'>
      <enum name='bus'><value>fdc</value><value>scsi</value><value>virtio</value></enum>
    </disk>
    <video supported='yes'>
      <enum name='modelType'><value>vga</value><value>ramfb</value></enum>
    </video>
  </devices>
</domainCapabilities>"""


class Connection:
    """libvirt's test driver with capabilities for domains."""

    def __init__(self, domain: str | None):
        self._test = libvirt.open("test:///default")
        self._domain = domain
        self.asked: tuple = ()

    def getDomainCapabilities(self, *arguments):  # noqa: N802
        self.asked = arguments
        if self._domain is None:
            return self._test.getDomainCapabilities(*arguments)
        return self._domain

    def __getattr__(self, name):
        return getattr(self._test, name)


@pytest.fixture
def found(monkeypatch):
    """``found(...)``: the traits of a host with these capabilities."""

    def of(domain=_DOMAIN, arch="x86_64", threads=1, supported="yes") -> set[str]:
        host = Host("test:///default", EventHandler(lambda event: None))
        text = domain and domain.format(supported=supported)
        connection = Connection(text)
        monkeypatch.setattr(host, "get_connection", lambda: connection)
        host.capabilities = Capabilities.parse_str(_CAPABILITIES.format(arch=arch, threads=threads))
        listed = traits.of_host(host)
        assert listed == sorted(listed)
        assert set(listed) <= set(os_traits.get_traits())
        return set(listed)

    return of


def cpu_of(names: set[str]) -> set[str]:
    return {name.removeprefix("HW_CPU_X86_") for name in names if name.startswith("HW_CPU_X86_")}


@pytest.mark.parametrize("mode", ["host-model", "host-passthrough"])
def test_the_cpu_of_a_guest_that_is_like_the_host(found, override, mode):
    override("cpu_mode", mode, "libvirt")
    cpu = cpu_of(found())
    assert {"AVX2", "AVX512F", "SSE41", "AESNI", "FMA3", "SVM", "AMD_SVM", "BMI", "CLMUL"} <= cpu
    assert "SHA" not in cpu, "the model has it, but guests do not"
    assert "AVX512BW" not in cpu


def test_a_host_without_a_model_of_its_cpu_has_no_cpu_traits(found, override):
    override("cpu_mode", "host-model", "libvirt")
    assert cpu_of(found(supported="no")) == set()


def test_the_cpu_of_a_configured_model(found, override):
    override("cpu_mode", "custom", "libvirt")
    override("cpu_models", ["Nehalem"], "libvirt")
    cpu = cpu_of(found())
    assert {"SSE42", "SSSE3", "SSE3"} <= cpu
    assert "AVX" not in cpu


def test_an_emulated_guest_has_the_cpu_of_qemu(found, override):
    override("virt_type", "qemu", "libvirt")
    assert cpu_of(found()) == {"MMX", "SSE", "SSE2", "SSE3", "SVM", "AMD_SVM"}


def test_an_unknown_model_is_logged(found, override, caplog):
    override("cpu_mode", "custom", "libvirt")
    override("cpu_models", ["Abacus"], "libvirt")
    assert cpu_of(found()) == set()
    assert "Abacus" in caplog.text


def test_devices_are_those_of_qemu_that_the_driver_supports(found):
    names = found()
    assert {n for n in names if n.startswith("COMPUTE_STORAGE_BUS")} == {
        "COMPUTE_STORAGE_BUS_SCSI",
        "COMPUTE_STORAGE_BUS_VIRTIO",
    }
    assert {n for n in names if n.startswith("COMPUTE_GRAPHICS")} == {"COMPUTE_GRAPHICS_MODEL_VGA"}
    assert {"COMPUTE_NET_VIF_MODEL_E1000E", "COMPUTE_NET_VIF_MODEL_NE2K_PCI"} <= names
    assert {"COMPUTE_NODE", "OWNER_NOVA", "COMPUTE_VOLUME_EXTEND"} <= names


@pytest.mark.parametrize(
    ("permitted", "reported"),
    [
        ([], set()),
        (["auto_converge"], {"AUTO_CONVERGE"}),
        (["post_copy"], {"POST_COPY"}),
        (["post_copy", "auto_converge"], {"POST_COPY"}),
    ],
)
def test_live_migrations_are_completed_as_it_is_permitted(found, override, permitted, reported):
    for name in permitted:
        override(f"live_migration_permit_{name}", True, "libvirt")
    prefix = "COMPUTE_MIGRATE_"
    names = {each.removeprefix(prefix) for each in found() if each.startswith(prefix)}
    assert names == reported


def test_the_processor(found):
    assert {"HW_ARCH_AARCH64", "COMPUTE_ARCH_AARCH64"} <= found(arch="aarch64")
    assert os_traits.HW_CPU_HYPERTHREADING not in found(threads=1)
    assert os_traits.HW_CPU_HYPERTHREADING in found(threads=2)


def test_without_capabilities_for_domains_the_rest_is_reported(found, caplog):
    names = found(domain=None)
    assert cpu_of(names) == set()
    assert "COMPUTE_NODE" in names
    assert "could not read them from libvirt" in caplog.text


def test_every_special_feature_has_a_standard_trait():
    for feature, ends in cpu_models.SPECIAL_FEATURES.items():
        assert len(cpu_models.traits_of(feature)) == len(ends), feature


def test_several_models_and_flags(found, override):
    override("cpu_mode", "custom", "libvirt")
    override("cpu_models", ["Nehalem", "EPYC"], "libvirt")
    override("cpu_model_extra_flags", ["avx512f", "-sse4a"], "libvirt")
    cpu = cpu_of(found())
    assert {"SSE42", "AVX2", "AVX512F"} <= cpu
    assert "SSE4A" not in cpu


def test_firmware(monkeypatch):
    host = Host("test:///default", EventHandler(lambda event: None))
    monkeypatch.setattr(host, "get_connection", lambda: Connection(None))
    host.capabilities = Capabilities("x86_64", {"topology": {}}, [], frozenset(), Firmware(True))
    listed = traits.of_host(host)
    assert {"COMPUTE_FIRMWARE_UEFI", "COMPUTE_FIRMWARE_BIOS"} <= set(listed)
    assert "COMPUTE_SECURITY_UEFI_SECURE_BOOT" not in listed
