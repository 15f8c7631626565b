"""Options that do not fit together are refused, and those that fit name the traits of the host."""

import pytest

from nova_mini import exception
from nova_mini.guest_options import check, filters, implied_traits
from nova_mini.guest_options.option import GuestRequirements

UEFI = {"hw_firmware_type": "uefi"}


def requested(extra_specs=None, image_properties=None, **amounts):
    return GuestRequirements(extra_specs or {}, image_properties or {}, **amounts)


@pytest.mark.parametrize(
    ("extra_specs", "image_properties"),
    [
        ({}, {"hw_firmware_stateless": "yes"}),
        ({"os:secure_boot": "required"}, {**UEFI, "os_secure_boot": "disabled"}),
        ({"os:secure_boot": "disabled"}, {**UEFI, "os_secure_boot": "required"}),
        ({"hw:vif_multiqueue_enabled": "no"}, {"hw_vif_multiqueue_enabled": "true"}),
        ({"hw:virtio_packed_ring": "1"}, {"hw_virtio_packed_ring": "false"}),
        ({"hw:pmu": "no"}, {"hw_pmu": "yes"}),
        ({"hw:sound_model": "ich9"}, {"hw_sound_model": "ac97"}),
        ({"hw:serial_port_count": "1"}, {"hw_serial_port_count": "2"}),
    ],
)
def test_the_api_refuses(extra_specs, image_properties):
    with pytest.raises(exception.InvalidGuestOption):
        check.check_request(requested(extra_specs, image_properties))


@pytest.mark.parametrize(
    ("extra_specs", "image_properties", "cause"),
    [
        ({"os:secure_boot": "required"}, {}, "needs hw_firmware_type=uefi"),
        ({}, {"os_secure_boot": "required"}, "needs hw_firmware_type=uefi"),
        ({}, {"hw_video_ram": "16"}, "hw_video:ram_max_mb=0"),
        ({"hw_video:ram_max_mb": "8"}, {"hw_video_ram": "16"}, "hw_video:ram_max_mb=8"),
        (
            {"hw_video:ram_max_mb": "64"},
            {"hw_video_ram": "16", "hw_video_model": "virtio"},
            "a video device virtio",
        ),
        ({"hw:usb_model": "none"}, {"hw_pointer_model": "usbtablet"}, "no USB bus"),
        ({}, {"hw_usb_model": "none", "hw_disk_bus": "usb"}, "no USB bus"),
        ({"hw:tpm_version": "2.0"}, {"hw_tpm_version": "1.2"}, "the flavor has hw:tpm_version=2.0"),
        (
            {"hw:tpm_version": "2.0", "hw:tpm_model": "tpm-tis"},
            {"hw_tpm_model": "tpm-crb"},
            "the flavor has hw:tpm_model=tpm-tis",
        ),
        (
            {"hw:tpm_version": "1.2", "hw:tpm_model": "tpm-crb"},
            {},
            "extra spec hw:tpm_model=tpm-crb .it needs version 2.0",
        ),
        (
            {"hw:tpm_version": "1.2"},
            {"hw_tpm_model": "tpm-crb"},
            "image property hw_tpm_model=tpm-crb .it needs version 2.0",
        ),
        (
            {"hw:tpm_version": "2.0", "hw:tpm_secret_security": "host"},
            {},
            "cannot move while it runs",
        ),
        ({"quota:vif_inbound_peak": "9"}, {}, "needs quota:vif_inbound_average"),
        (
            {"quota:vif_outbound_burst": "9", "quota:vif_outbound_average": "0"},
            {},
            "needs quota:vif_outbound_average",
        ),
    ],
)
def test_the_scheduler_refuses(extra_specs, image_properties, cause):
    both = requested(extra_specs, image_properties)
    check.check_request(both)
    with pytest.raises(exception.GuestOptionNotSupported, match=cause):
        check.check_for_scheduling(both, filters.ALL)


@pytest.mark.parametrize(
    ("extra_specs", "image_properties"),
    [
        ({"os:secure_boot": "disabled"}, {**UEFI, "os_secure_boot": "optional"}),
        ({"os:secure_boot": "required"}, {**UEFI, "os_secure_boot": "optional"}),
        ({"os:secure_boot": "required"}, UEFI),
        ({}, {"os_secure_boot": "optional"}),
        ({"hw:firmware_type": "uefi"}, {"hw_firmware_stateless": "yes"}),
        ({"hw:vif_multiqueue_enabled": "yes"}, {"hw_vif_multiqueue_enabled": "true"}),
        ({"quota:vif_inbound_peak": "9", "quota:vif_inbound_average": "5"}, {}),
        ({"hw:pmu": "no"}, {"hw_pmu": "off"}),
        ({"hw:tpm_version": "2.0"}, {"hw_tpm_version": "2.0", "hw_tpm_model": "tpm-crb"}),
        ({"hw:tpm_version": "1.2", "hw:tpm_secret_security": "user"}, {}),
        ({"hw:tpm_model": "tpm-crb"}, {}),  # no TPM
        ({"hw:sound_model": "ich9"}, {"hw_sound_model": "ich9"}),
        ({"hw:serial_port_count": "2"}, {"hw_serial_port_count": "1"}),
        ({"hw_video:ram_max_mb": "64"}, {"hw_video_ram": "64"}),
        ({}, {"hw_usb_model": "none", "hw_pointer_model": "usbtablet", "hw_input_bus": "virtio"}),
    ],
)
def test_these_fit_together(extra_specs, image_properties):
    assert check.problems(requested(extra_specs, image_properties)) == []


def traits(*arguments, **amounts):
    return {
        name.removeprefix("trait:COMPUTE_")
        for name in implied_traits.of(requested(*arguments, **amounts))
    }


def test_the_traits_of_devices():
    assert traits({"hw:sound_model": "ich9"}, {"hw_usb_model": "nec-xhci"}) == {
        "SOUND_MODEL_ICH9",
        "USB_MODEL_NEC_XHCI",
    }
    assert traits({}, {"hw_usb_model": "ehci"}) == set()


def test_the_traits_of_tpms():
    security = "SECURITY_TPM"
    of_user = f"{security}_SECRET_SECURITY_USER"
    assert traits({"hw:tpm_version": "1.2"}) == {f"{security}_1_2", f"{security}_TIS", of_user}
    with_crb = traits({}, {"hw_tpm_version": "2.0", "hw_tpm_model": "tpm-crb"})
    assert with_crb == {f"{security}_2_0", f"{security}_CRB", of_user}
    assert traits({"hw:tpm_model": "tpm-crb"}) == set()


def test_the_trait_of_packed_rings():
    assert traits({"hw:virtio_packed_ring": "true"}) == {"NET_VIRTIO_PACKED"}
    assert traits({"hw:virtio_packed_ring": "false"}) == set()


def test_the_traits_of_firmware():
    assert traits({}, {"hw_firmware_type": "bios", "os_secure_boot": "required"}) == set()
    assert traits({}, {**UEFI, "os_secure_boot": "optional"}) == {"FIRMWARE_UEFI"}
    secure = traits({"os:secure_boot": "required"}, {**UEFI, "hw_firmware_stateless": "yes"})
    assert secure == {
        "FIRMWARE_UEFI",
        "SECURITY_UEFI_SECURE_BOOT",
        "SECURITY_STATELESS_FIRMWARE",
    }
