"""The features of CPU models, as libvirt expands them, by the names of os-traits."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Sequence

import libvirt
import os_traits
from lxml import etree

LOG = logging.getLogger(__name__)

_PREFIX = "HW_CPU_X86_"
# libvirt's name of a feature -> the ends of its traits, where they differ.
SPECIAL_FEATURES = {
    "aes": ("AESNI",),
    "amd-no-ssb": ("AMD_NO_SSB",),
    "amd-ssbd": ("AMD_SSBD",),
    "bmi1": ("BMI",),
    "fma": ("FMA3",),
    "gfni": ("AVX512GFNI",),
    "ibpb": ("AMD_IBPB",),
    "md-clear": ("INTEL_MD_CLEAR",),
    "pcid": ("INTEL_PCID",),
    "pclmuldq": ("CLMUL",),
    "pclmulqdq": ("CLMUL",),
    "pni": ("SSE3",),
    "rtm": ("TSX",),
    "sha-ni": ("SHA",),
    "spec-ctrl": ("INTEL_SPEC_CTRL",),
    "ssbd": ("INTEL_SSBD",),
    "svm": ("SVM", "AMD_SVM"),
    "vaes": ("AVX512VAES",),
    "virt-ssbd": ("AMD_VIRT_SSBD",),
    "vmx": ("VMX", "INTEL_VMX"),
    "vpclmulqdq": ("AVX512VPCLMULQDQ",),
}


def expand(conn: libvirt.virConnect, arch: str, model: str, features: Sequence[str]) -> set[str]:
    """libvirt's names of the features of a CPU model with these features. Empty for a model that
    libvirt cannot expand, which is logged."""
    cpu = etree.Element("cpu")
    etree.SubElement(cpu, "arch").text = arch
    etree.SubElement(cpu, "model").text = model
    for name in features:
        etree.SubElement(cpu, "feature", name=name)
    try:
        xml = conn.baselineCPU(
            [etree.tostring(cpu, encoding="unicode")],
            libvirt.VIR_CONNECT_BASELINE_CPU_EXPAND_FEATURES,
        )
    except libvirt.libvirtError as exc:
        LOG.warning("Traits of CPU model %s: could not expand it: %s", model, exc)
        return set()
    return set(etree.fromstring(xml).xpath("feature[@policy='require']/@name"))


def traits_of(feature: str) -> list[str]:
    """``sse4.1`` -> [HW_CPU_X86_SSE41]; [] for a feature that has no trait."""
    plain = re.sub(r"[.\-]", "", feature).upper()
    names = SPECIAL_FEATURES.get(feature, (plain,))
    return [trait for name in names if (trait := _PREFIX + name) in standard_traits()]


@functools.cache
def standard_traits() -> frozenset[str]:
    return frozenset(os_traits.get_traits())
