"""Unsupported options are refused; values that every guest has by default are accepted."""

import pytest

from nova_mini import exception
from nova_mini.guest_options import check, filters
from nova_mini.guest_options.flavor_options import EXTRA_SPECS
from nova_mini.guest_options.image_options import IMAGE_PROPERTIES
from nova_mini.guest_options.option import GuestRequirements


def problems(extra_specs=None, image_properties=None, **amounts):
    return check.problems(GuestRequirements(extra_specs or {}, image_properties or {}, **amounts))


REFUSED_SPECS = {
    "hw:cpu_policy": ["mixed"],  # without hw:cpu_dedicated_mask
    "hw:cpu_thread_policy": ["prefer", "isolate", "require"],  # without hw:cpu_policy=dedicated
    "hw:cpu_dedicated_mask": ["0-1"],
    "hw:cpu_realtime": ["yes"],
    "hw:emulator_threads_policy": ["isolate"],
    "hw:cpu_max_sockets": ["1"],
    "hw:mem_page_size": ["0"],
    "hw:locked_memory": ["true"],
    "hw:numa_nodes": ["3", "200"],
    "hw:numa_cpus.0": ["0-1"],
    "hw:numa_mem.12": ["512"],
    "hw:pci_numa_affinity_policy": ["required", "socket"],
    "hw:mem_encryption": ["True"],
    "hw:pmem": ["a,b"],
    "hw:serial_port_count": ["5"],
    "hw:tpm_version": ["3.0"],
    "hw:tpm_model": ["tpm-spapr"],
    "hw:viommu_model": ["auto"],
    "hw:sound_model": ["virtio", "pcspk"],
    "hw:usb_model": ["qusb1", "vt82c686b-uhci"],
    "hw:redirected_usb_ports": ["1"],
    "hw:ephemeral_encryption": ["on"],
    "hw:maxphysaddr_mode": ["passthrough"],
    "hw:firmware_type": ["coreboot"],
    "os:secure_boot": ["required"],
    "pci_passthrough:alias": ["gpu:1"],
    "accel:device_profile": ["fpga"],
    "quota:vif_outbound_burst": ["1"],
    "quota:cpu_limit": ["1000"],
    "quota:memory_shares_level": ["high"],
    "trait:COMPUTE_STATUS_DISABLED": ["required"],
    "trait:HW_CPU_X86_AVX99": ["required", "forbidden"],
    "trait:GOLD": ["required"],
    "trait:CUSTOM_GOLD": ["maybe", ""],
    "trait1:COMPUTE_NODE": ["required", "forbidden"],
    "resources:VGPU": ["1"],
    "resources:CUSTOM_LICENSE": ["1"],
    "resources:PCPU": ["2"],
    "resources1:VCPU": ["1"],
    "resources:VCPU": ["0", "1"],
    "resources:MEMORY_MB": ["0"],
    "capabilities:failed_builds": ["< 3"],
    "capabilities:stats:load": ["1"],
    "failed_builds": ["< 3"],
    "vmware:hw_version": ["vmx-13"],
}

DEFAULT_SPECS = {
    "hw:cpu_policy": ["shared", "dedicated"],
    "hw:numa_nodes": ["1", "2"],
    "hw:cpu_realtime": ["no"],
    "hw:cpu_realtime_mask": ["^0"],
    "hw:emulator_threads_policy": ["share"],
    "hw:cpu_max_sockets": ["2", "64"],
    "hw:cpu_max_threads": ["1"],
    "hw:mem_page_size": ["small", "any", "large", "2048", "1GB"],
    "hw:locked_memory": ["false"],
    "hw:pci_numa_affinity_policy": ["legacy", "preferred"],
    "hw:vif_multiqueue_enabled": ["false", "true"],
    "hw:virtio_packed_ring": ["true"],
    "hw:mem_encryption": ["False"],
    "hw:mem_encryption_model": ["amd-sev"],
    "hw:serial_port_count": ["0", "1", "4"],
    "hw:pmu": ["true", "false"],
    "hw:tpm_version": ["1.2", "2.0"],
    "hw:tpm_model": ["tpm-tis", "tpm-crb"],
    "hw:tpm_secret_security": ["user", "host"],  # without a TPM
    "hw:sound_model": ["ich9"],
    "hw:usb_model": ["nec-xhci"],
    "hw:redirected_usb_ports": ["0"],
    "hw:hide_hypervisor_id": ["false", "true"],
    "hw:firmware_type": ["bios", "uefi"],
    "os:secure_boot": ["disabled"],
    "quota:vif_inbound_average": ["0", "1000"],
    "quota:vif_inbound_peak": ["0"],
    "quota:cpu_limit": ["0"],
    "quota:memory_shares_level": ["normal"],
    "trait:CUSTOM_GOLD": ["required", "forbidden"],
    "trait:STORAGE_DISK_SSD": ["required", "forbidden"],
    "trait:HW_CPU_X86_AVX2": ["required", "forbidden"],
    "trait:COMPUTE_STATUS_DISABLED": ["forbidden"],
    "resources:VGPU": ["0"],
    "resources:VCPU": ["2"],
    "resources:MEMORY_MB": ["512"],
    "resources:DISK_GB": ["10"],
    "group_policy": ["isolate", "none"],
    # supported
    "hw:watchdog_action": ["reset"],
    "hw_rng:allowed": ["false"],
    "quota:cpu_quota": ["-1", "50000"],
    "quota:disk_read_iops_sec": ["0", "10"],
    "capabilities:cpu_info:arch": ["x86_64"],
    "capabilities:hypervisor_type": ["s== QEMU"],
    "free_ram_mb": [">= 1"],
    # no meaning for Nova
    "hw:x": ["y"],
    "my:thing": ["1"],
    "comment": ["anything"],
    "os_distro": ["debian"],
}

REFUSED_PROPERTIES = {
    "hw_cpu_policy": ["mixed"],
    "hw_numa_nodes": ["3"],
    "hw_numa_mem.0": ["512"],
    "hw_mem_page_size": ["large"],
    "hw_firmware_type": ["coreboot"],
    "hw_disk_bus": ["fdc"],
    "hw_vif_model": ["lan9118"],
    "hw_machine_type": [],
    "hw_tpm_model": ["tpm-spapr"],
    "hw_viommu_model": ["auto"],
    "hw_video_ram": ["16"],
    "hw_rng_model": ["none"],
    "hw_firmware_stateless": ["true"],
    "hw_emulation_architecture": ["aarch64"],
    "os_secure_boot": ["required"],
    "trait:HW_CPU_X86_AVX99": ["required", "forbidden"],
    "trait:CUSTOM_GOLD": ["maybe"],
    "trait:custom gold": ["required"],
    "hw_rescue_bus": ["fdc"],
    "hw_rescue_device": ["lun"],
    "cinder_encryption_key_id": ["4f5b"],
    "vmware_adaptertype": ["lsiLogic"],
    "mappings": ['[{"virtual": "ami"}]'],
}

DEFAULT_PROPERTIES = {
    "hw_cpu_policy": ["shared", "dedicated"],
    "hw_numa_nodes": ["2"],
    "hw_firmware_type": ["bios", "uefi"],
    "hw_disk_bus": ["virtio", "scsi"],
    "hw_tpm_version": ["1.2", "2.0"],
    "hw_video_ram": ["0"],
    "hw_input_bus": ["usb", "virtio"],
    "img_hide_hypervisor_id": ["true"],
    "hw_rng_model": ["virtio"],
    "hw_time_hpet": ["false", "true"],
    "os_secure_boot": ["disabled", "optional"],
    "trait:HW_CPU_X86_AVX2": ["required", "forbidden"],
    "trait:CUSTOM_GOLD": ["required", "forbidden"],
    "os_distro": ["debian"],
    "os_version": ["12"],
    "os_type": ["linux"],
    "hw_architecture": ["x86_64"],
    "architecture": ["x86_64"],
    "img_signature": ["abc"],
    "hw_rescue_bus": ["usb"],
    "hw_rescue_device": ["disk", "cdrom"],
    "vmware_ostype": ["debian10_64Guest"],
    "hw_of_my_own": ["1"],
    "base_image_ref": ["x"],
    "mappings": ["[]"],
}


def cases(table):
    return [(key, value) for key, values in table.items() for value in values]


AMOUNTS = {"vcpus": 2, "memory_mb": 512, "local_gb": 10}


@pytest.mark.parametrize(("key", "value"), cases(REFUSED_SPECS))
def test_an_unsupported_extra_spec_is_refused(key, value):
    (problem,) = problems({key: value}, **AMOUNTS)
    assert (problem.key, problem.value, problem.kind) == (key, value, "extra spec")
    assert problem.reason


@pytest.mark.parametrize(("key", "value"), cases(DEFAULT_SPECS))
def test_an_extra_spec_with_a_default_value_is_accepted(key, value):
    assert problems({key: value}, **AMOUNTS) == []


@pytest.mark.parametrize(("key", "value"), cases(REFUSED_PROPERTIES))
def test_an_unsupported_image_property_is_refused(key, value):
    (problem,) = problems(image_properties={key: value}, **AMOUNTS)
    assert (problem.key, problem.value, problem.kind) == (key, value, "image property")


@pytest.mark.parametrize(("key", "value"), cases(DEFAULT_PROPERTIES))
def test_an_image_property_with_a_default_value_is_accepted(key, value):
    assert problems(image_properties={key: value}, **AMOUNTS) == []


def test_limits_that_the_topology_does_not_exceed_are_accepted():
    limit = {"hw_cpu_max_sockets": "1"}
    chosen = {"hw:cpu_sockets": "1", "hw:cpu_cores": "4"}
    assert problems(chosen, limit, vcpus=4) == []
    assert [each.key for each in problems({}, limit, vcpus=4)] == ["hw_cpu_max_sockets"]


def test_hw_disk_bus_has_precedence_over_vmware_adaptertype():
    both = {"vmware_adaptertype": "lsiLogic", "hw_disk_bus": "virtio"}
    assert problems(image_properties=both) == []


def test_the_error_of_the_scheduler_lists_all_unsupported_keys():
    with pytest.raises(exception.NoValidHost) as raised:
        check.check_for_scheduling(
            GuestRequirements({"hw:locked_memory": "yes"}, {"hw_viommu_model": "auto"}, vcpus=1),
            enabled_filters=filters.ALL,
        )
    message = str(raised.value)
    assert message.startswith("No valid host was found. ")
    assert "extra spec hw:locked_memory=yes (locked memory is not supported)" in message
    assert "image property hw_viommu_model=auto" in message


@pytest.mark.parametrize(
    ("extra_specs", "image_properties", "acting"),
    [
        ({"aggregate_instance_extra_specs:ssd": "true"}, {}, filters.AGGREGATES),
        ({"capabilities:vcpus_total": ">= 2"}, {}, filters.CAPABILITIES),
        ({}, {"hw_architecture": "x86_64"}, filters.IMAGE_PROPERTIES),
        ({"hw:numa_nodes": "1"}, {}, filters.NUMA),
    ],
)
def test_the_scheduler_refuses_what_only_a_disabled_filter_acts_on(
    extra_specs, image_properties, acting
):
    requested = GuestRequirements(extra_specs, image_properties)
    check.check_for_scheduling(requested, enabled_filters=[acting])
    check.check_request(requested)
    with pytest.raises(exception.GuestOptionNotSupported) as raised:
        check.check_for_scheduling(requested, enabled_filters=filters.ALL - {acting})
    assert f"({acting} is not enabled)" in str(raised.value)


@pytest.mark.parametrize(
    ("extra_specs", "image_properties"),
    [
        ({"hw:numa_nodes": "many"}, {}),
        ({"hw:numa_nodes": "2"}, {}),  # for one vCPU
        ({"hw:cpu_policy": "sometimes"}, {}),
        ({"resources:VCPU": "abc"}, {}),
        ({"pci_passthrough:alias": "gpu:1"}, {}),
        ({}, {"hw_cpu_cores": "0"}),
        ({}, {"cinder_encryption_key_id": "4f5b"}),
    ],
)
def test_the_api_refuses_invalid_values(extra_specs, image_properties):
    with pytest.raises(exception.InvalidGuestOption) as raised:
        check.check_request(GuestRequirements(extra_specs, image_properties))
    (key,) = {**extra_specs, **image_properties}
    assert key in str(raised.value)
    assert raised.value.code == 400


def test_the_api_accepts_valid_but_unsupported_values():
    check.check_request(
        GuestRequirements({"hw:cpu_policy": "dedicated"}, {"hw_viommu_model": "auto"})
    )


def test_a_rebuild_refuses_an_image_with_unsupported_properties():
    with pytest.raises(exception.InvalidGuestOption, match="hw_viommu_model"):
        check.check_on_host(GuestRequirements({}, {"hw_viommu_model": "auto"}))
    # The flavor was checked when the server was created.
    check.check_on_host(GuestRequirements({"hw:cpu_policy": "dedicated"}, {"os_distro": "x"}))


def test_a_long_value_is_truncated_in_the_message():
    (problem,) = problems({"accel:device_profile": "x" * 255})
    assert len(str(problem)) < 200


def test_every_option_has_an_actor_or_a_reason():
    for registry in (EXTRA_SPECS, IMAGE_PROPERTIES):
        keys = [option.key for option in registry.options]
        assert len(keys) == len(set(keys))
        for option in registry.options:
            assert option.actor or option.reason, option.key


def test_the_registry_has_all_extra_specs_of_nova():
    """Nova has 148 extra specs without the traits: 22 of them are resource classes, and vcpus_used
    is counted twice."""
    options = [
        option
        for option in EXTRA_SPECS.options
        if option.is_validated and not option.key.startswith(("trait", "resources"))
    ]
    # nodename and cpu_info have two entries here: the keys with and without nested parts.
    assert len(options) + 22 == 148 - 1 + 2
